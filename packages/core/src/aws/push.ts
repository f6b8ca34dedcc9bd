import { createHash, randomUUID } from "node:crypto";
import type { Agent } from "node:https";
import { cert, deleteApp, initializeApp } from "firebase-admin/app";
import { getMessaging } from "firebase-admin/messaging";
import type { Credential } from "firebase-admin/app";
import type { Message } from "firebase-admin/messaging";
import * as z from "zod";
import type { Push, PushNotice } from "../ports/push.ts";
import { answerOfToken } from "./push-answer.ts";

/** Longest `apns-collapse-id`, in bytes. */
const tagCharacters = 64;
/** Longest `Topic` of Web Push (RFC 8030), in characters of base64url. */
const topicCharacters = 32;

const ServiceAccount = z.object({
  project_id: z.string(),
  client_email: z.string(),
  private_key: z.string(),
});

export type FcmPushOptions = {
  /** The service account's key file, JSON text. */
  serviceAccount: string;
  /** Sends by this agent in place of Node.js's own: a proxy, or a stand-in for FCM. Tokens are not fetched through it. */
  httpAgent?: Agent;
  /** Gets access tokens in another way than with the service account's key. */
  credential?: Credential;
};

/**
 * Pushes through Firebase Cloud Messaging, data only: the app words the notice itself. The tag collapses repeats that
 * wait for a device on their way; it rides in `data.tag` too, so that the app replaces a notice that was shown already.
 */
export function createFcmPush(options: FcmPushOptions): Push & { close(): Promise<void> } {
  const {
    project_id: projectId,
    client_email,
    private_key,
  } = ServiceAccount.parse(JSON.parse(options.serviceAccount));
  const { httpAgent, credential = cert({ projectId, clientEmail: client_email, privateKey: private_key }) } =
    options;
  const app = initializeApp(
    { credential, projectId, ...(httpAgent && { httpAgent }) },
    `strongroom-${randomUUID()}`,
  );
  const messaging = getMessaging(app);
  return {
    async send(notice) {
      if (notice.tag.length > tagCharacters)
        throw new RangeError(`a tag has at most ${tagCharacters} characters`);
      try {
        await messaging.send(messageOf(notice));
        return "delivered";
      } catch (error) {
        const answer = answerOfToken(error);
        if (answer) return answer;
        throw new Error("FCM did not take a notice", { cause: error });
      }
    },
    close: () => deleteApp(app),
  };
}

function messageOf({ token, tag, data }: PushNotice): Message {
  const topic = createHash("sha256").update(tag).digest("base64url").slice(0, topicCharacters);
  return {
    token,
    data: { ...data, tag },
    android: { collapseKey: tag, priority: "high" },
    apns: {
      headers: { "apns-collapse-id": tag, "apns-push-type": "background", "apns-priority": "5" },
      payload: { aps: { contentAvailable: true } },
    },
    webpush: { headers: { Topic: topic, Urgency: "high" } },
  };
}
