import type { Ticket } from "./ticket.ts";

const soonMs = 100;

/**
 * Whether somebody still waits for this leaf and can still be answered; what is not wanted is let go. Asked before each step that
 * costs something and may still be left undone: before the workers, and before the intent, which is signed whatever happens then.
 */
export function stillWanted(ticket: Ticket, nowMs: number): boolean {
  if (ticket.isWanted && nowMs <= ticket.deadlineMs) return true;
  ticket.refuse({ code: "shed", urgency: ticket.urgency, retryAfterMs: soonMs });
  return false;
}
