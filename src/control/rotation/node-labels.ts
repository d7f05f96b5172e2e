/** Labels of registration entries, by the node that they are registered at. */
export interface NodeLabels {
  /** Whether an entry of the node has this label. */
  has(agentId: string, label: string, value: string): boolean;
  /** Whether any entry has it. */
  exists(label: string, value: string): boolean;
}
