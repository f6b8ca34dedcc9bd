/** A notice to one device: opaque ids only, never content, names or URLs. */
export type PushNotice = {
  token: string;
  /** Collapses repeats: a person sees one notice per tag. At most 64 characters. */
  tag: string;
  data: Record<string, string>;
};

/**
 * `unregistered`: no device is behind the token and none will be, so it must be dropped. `refused`: the service does not
 * take this token as it is set up now; it may be of somebody else's app, or our settings are wrong.
 */
export type PushAnswer = "delivered" | "unregistered" | "refused";

export interface Push {
  /**
   * Answers for every fault of the token itself, whatever text it is: one token never holds up what is sent to others.
   * Throws when the service or the notice is at fault; the notice may have arrived all the same.
   */
  send(notice: PushNotice): Promise<PushAnswer>;
}
