/** A notice to one device: opaque ids only, never content, names or URLs. */
export type PushNotice = {
  token: string;
  /** Collapses repeats: a person sees one notice per tag. At most 64 characters. */
  tag: string;
  data: Record<string, string>;
};

export interface Push {
  /** `unregistered`: the token is dead and must be dropped. Throws when the notice may or may not have arrived. */
  send(notice: PushNotice): Promise<"delivered" | "unregistered">;
}
