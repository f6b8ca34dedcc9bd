import { FirebaseMessagingError } from "firebase-admin/messaging";
import * as z from "zod";
import type { PushAnswer } from "../ports/push.ts";

/** An error as FCM details it: by itself, by the fields at fault, and with Apple's own reason. */
const FcmAnswer = z.object({
  error: z.object({
    message: z.string().default(""),
    details: z.array(
      z.object({
        errorCode: z.string().optional(),
        reason: z.string().optional(),
        fieldViolations: z.array(z.object({ field: z.string() })).optional(),
      }),
    ),
  }),
});
type Details = z.infer<typeof FcmAnswer>["error"]["details"];

/**
 * A token of another project, or a phone of a kind (iOS, web) that the project has no valid key for: the fault of one
 * registration or of our settings, which one answer does not tell.
 */
const refusals = new Set(["SENDER_ID_MISMATCH", "THIRD_PARTY_AUTH_ERROR"]);
/** What Apple says of a token that is of another environment or app; its other reasons are of the notice. */
const appleRefusals = new Set(["BadDeviceToken", "DeviceTokenNotForTopic"]);

/**
 * What an error of FCM says of the token; null when it is a fault of the service, of our access or of the notice. A bare
 * 404 is one, too: it may as well be a wrong project.
 */
export function answerOfToken(error: unknown): Exclude<PushAnswer, "delivered"> | null {
  if (!(error instanceof FirebaseMessagingError)) return null;
  const answer = FcmAnswer.safeParse(error.httpResponse?.data);
  if (!answer.success) return null;
  const { message, details } = answer.data.error;
  const code = details.find(({ errorCode }) => errorCode !== undefined)?.errorCode;
  if (code === "UNREGISTERED") return "unregistered";
  if (code !== undefined && refusals.has(code)) return "refused";
  if (code !== "INVALID_ARGUMENT") return null;
  if (details.some(({ reason }) => reason !== undefined && appleRefusals.has(reason))) return "refused";
  return isNoToken(message, details) ? "unregistered" : null;
}

/** FCM names the token as the only field at fault, or names no field and says so in words. */
function isNoToken(message: string, details: Details): boolean {
  const fields = details.flatMap(({ fieldViolations = [] }) => fieldViolations.map(({ field }) => field));
  if (fields.length > 0) return fields.every((field) => field === "message.token");
  return message === "The registration token is not a valid FCM registration token";
}
