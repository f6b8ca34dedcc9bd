import type { Transaction } from "../ports/database.ts";
import { deviceLimits } from "./user.ts";

/** A person's devices that get pushes, last used first: of more than a person may have, those used last. */
export function liveDevices(tx: Transaction, userId: string) {
  return tx
    .selectFrom("device")
    .where("tenant_id", "=", tx.insideTenant)
    .where("user_id", "=", userId)
    .where("dropped_at", "is", null)
    .orderBy("registered_at", "desc")
    .limit(deviceLimits.perPerson);
}
