/** What a pool and its workers say to each other. One job is with a worker at a time. */
export type JobMessage<Job> = { readonly id: number; readonly job: Job };

export type AnswerMessage<Answer> =
  | { readonly id: number; readonly ok: true; readonly answer: Answer }
  | { readonly id: number; readonly ok: false; readonly code: string; readonly message: string };
