import type { Incident } from "../../domain/trust/incident.ts";
import type { Forced, Phase } from "../../domain/trust/rotation.ts";
import type { StockLevel } from "../../domain/trust/stock-level.ts";
import type { RotationRefusal } from "./rotation-status.ts";

/** What happens to a rotation. Steps and refusals are ledger events too, steps before they are taken. */
export type RotationEvent =
  | {
      readonly kind: "step";
      readonly rotation: string;
      readonly from: Phase;
      readonly to: Phase;
      readonly actor: string;
      readonly bundleSequence: number;
      readonly paused: boolean;
    }
  /** The step that follows passes a barrier that does not hold. */
  | {
      readonly kind: "forced";
      readonly rotation: string;
      readonly verb: Forced["verb"];
      readonly actor: string;
      readonly reason: string;
      readonly behind: number;
    }
  | { readonly kind: "authority-closed"; readonly rotation: string; readonly keyId: string }
  | {
      readonly kind: "refused";
      readonly verb: "start" | "activate" | "retire" | "rollback" | "pause" | "resume" | "incident";
      readonly actor: string;
      readonly why: RotationRefusal;
    }
  | {
      readonly kind: "holder-quarantined";
      readonly holder: string;
      readonly actor: string;
      readonly reason: string;
    }
  /** An intermediate's key is lost; the stages of what is done about it. */
  | {
      readonly kind: "incident";
      readonly authority: string;
      readonly stage: Incident["stage"];
      readonly actor: string;
    }
  /** The schedule has started the next intermediate of the stock. */
  | { readonly kind: "drawn"; readonly authority: string; readonly because: "interval" | "end" }
  /** What is left in stock, when that changed or something is to be done about it. */
  | {
      readonly kind: "stock";
      readonly level: StockLevel;
      readonly inStock: number;
      /** "" where there is nothing to do. */
      readonly advice: string;
    }
  /** By an operator, or by the server because its process has exited. */
  | { readonly kind: "holder-released"; readonly holder: string; readonly actor: string }
  /** What was handed out does harm, or may: the step that follows goes back or stops. */
  | {
      readonly kind: "alarm";
      readonly rotation: string;
      readonly remedy: "pause" | "roll-back";
      readonly reason: string;
    }
  /** The server could not look at the barriers or take the next step; it tries again. */
  | { readonly kind: "failed"; readonly cause: unknown };

export interface RotationObserver {
  saw(event: RotationEvent): void;
}
