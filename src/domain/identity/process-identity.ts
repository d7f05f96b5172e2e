/** A process as the kernel vouches for it. pid alone is not identity: it is reused, hence the start time. */
export type ProcessIdentity = {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  /** Field 22 of /proc/PID/stat: clock ticks since boot, as a decimal text (it may exceed 2^53). */
  readonly startTime: string;
};
