import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { connect } from "node:tls";
import type { Credential } from "firebase-admin/app";

const projectId = "strongroom-test";
const accessToken = "an access token of the fake";
/** Where the fake finds a token too long to be one; FCM looks closer. */
const tokenCharacters = 1_024;
const sendPath = `/v1/projects/${projectId}/messages:send`;

/** What FCM was sent for a device. */
export type SentMessage = {
  token: string;
  data: Record<string, string>;
  android: { collapse_key: string };
  apns: { headers: Record<string, string> };
  webpush: { headers: Record<string, string> };
};
/** What the server shows, and the authority that vouches for it; PEM. */
type Certificate = { ca: string; certificate: string; key: string };
type Answer = { status: number; body: unknown };

/**
 * A stand-in for FCM over TLS: it takes messages from whoever has its access token and answers as FCM's reference says;
 * `answer` overrides what it says next.
 */
export class FakeFcm {
  readonly serviceAccount = JSON.stringify({
    type: "service_account",
    project_id: projectId,
    client_email: `pusher@${projectId}.iam.gserviceaccount.com`,
    private_key: "not asked for, since the credential is another",
  });
  /** In place of Google's token endpoint, which no agent reaches. */
  readonly credential: Credential = {
    getAccessToken: async () => ({ access_token: accessToken, expires_in: 3_600 }),
  };
  readonly sent: SentMessage[] = [];
  readonly dead = new Set<string>();
  answer: Answer | null = null;
  readonly #certificate: Certificate;
  readonly #server;

  private constructor(certificate: Certificate) {
    this.#certificate = certificate;
    const { key, certificate: cert } = certificate;
    this.#server = createServer({ key, cert }, (request, response) => void this.#serve(request, response));
  }

  static async open(certificate: Certificate): Promise<FakeFcm> {
    const fake = new FakeFcm(certificate);
    await new Promise<void>((resolve) => fake.#server.listen(0, "127.0.0.1", resolve));
    return fake;
  }

  /** Leads every host to this fake; `ca` is the authority that its certificate is believed by. */
  agent(ca = this.#certificate.ca): Agent {
    const agent = new Agent();
    const { port } = this.#server.address() as AddressInfo;
    agent.createConnection = () => connect({ host: "127.0.0.1", port, servername: "localhost", ca });
    return agent;
  }

  /** Newest message per collapse key, as a device meets them that was offline. */
  inbox(token: string): SentMessage[] {
    const mine = this.sent.filter((message) => message.token === token);
    return [...new Map(mine.map((message) => [message.android.collapse_key, message])).values()];
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { status, body } = await this.#respond(request);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  }

  async #respond(request: IncomingMessage): Promise<Answer> {
    if (request.headers.authorization !== `Bearer ${accessToken}`) return refusal(401, "UNAUTHENTICATED");
    const { message } = (await json(request)) as { message: SentMessage };
    if (request.url !== sendPath) return refusal(404, "NOT_FOUND");
    if (this.answer !== null) return this.answer;
    if (message.token.length > tokenCharacters) return malformedToken;
    if (this.dead.has(message.token)) return refusal(404, "NOT_FOUND", "UNREGISTERED");
    this.sent.push(message);
    return { status: 200, body: { name: `projects/${projectId}/messages/${this.sent.length}` } };
  }
}

/** An error as FCM words it; `errorCode` is what its own detail says, if there is one, `more` what else is detailed. */
export function refusal(
  code: number,
  status: string,
  errorCode?: string,
  { message = "refused", more = [] }: { message?: string; more?: object[] } = {},
): Answer {
  const detail = { "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", errorCode };
  const details = [...(errorCode ? [detail] : []), ...more];
  return {
    status: code,
    body: { error: { code, status, message, ...(details.length > 0 && { details }) } },
  };
}

/** What FCM says of a text that is no token of its own. */
export const malformedToken = refusal(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", {
  message: "The registration token is not a valid FCM registration token",
});

/** The same with the field at fault, which FCM names of some requests. */
export function badField(...fields: string[]): Answer {
  const fieldViolations = fields.map((field) => ({ field, description: "Invalid value" }));
  const more = [{ "@type": "type.googleapis.com/google.rpc.BadRequest", fieldViolations }];
  return refusal(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", { more });
}

/** What FCM hands on of Apple's answer. */
export function appleSays(reason: string): Answer {
  const type = "type.googleapis.com/google.firebase.fcm.v1.ApnsError";
  const more = [{ "@type": type, statusCode: 400, reason }];
  return refusal(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", { more });
}
