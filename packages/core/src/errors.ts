/** HTTP status that a refusal is answered with. */
export type RefusalStatus = 400 | 401 | 403 | 404 | 405 | 409 | 410 | 412 | 413 | 415 | 422 | 428 | 429 | 503;

type RefusalOptions = {
  status?: RefusalStatus;
  retryAfterSeconds?: number;
  details?: Record<string, unknown>;
};

/**
 * The caller's fault (or a state that only the caller can act on): shown as written, never retried by us.
 * Anything thrown that is not a Refusal is ours: logged with its cause and retried.
 */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: string;
  readonly status: RefusalStatus;
  /** Seconds after which the same request may succeed; null when it never will as it stands. */
  readonly retryAfterSeconds: number | null;
  readonly details: Record<string, unknown>;

  /** `code` is stable snake_case; `message` is a plain sentence that says what happened and what to do. */
  constructor(code: string, message: string, options: RefusalOptions = {}) {
    super(message);
    this.code = code;
    this.status = options.status ?? 422;
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
    this.details = options.details ?? {};
  }
}

/** Bytes at rest that are gone, cut short, or not those that were put there: no further try brings them back. */
export class NotAsStored extends Error {
  override readonly name: string = "NotAsStored";
}

/** What was asked for cannot be handed out, since its stored copy is damaged: told as such, for an operator to act on. */
export class Damaged extends Error {
  override readonly name = "Damaged";

  constructor(cause: NotAsStored) {
    super("a stored copy is not as it was sealed", { cause });
  }
}

/** An object that is there, and is cut short or not what belongs under its key. */
export class DamagedObject extends NotAsStored {
  override readonly name = "DamagedObject";
  readonly key: string;

  constructor(key: string, options?: ErrorOptions) {
    super(`object ${key} is damaged`, options);
    this.key = key;
  }
}

/** The store answered, and has no object of that key: the store is there. */
export class NoSuchObject extends NotAsStored {
  override readonly name = "NoSuchObject";

  constructor(key: string, options?: ErrorOptions) {
    super(`there is no object ${key}`, options);
  }
}

/** A fault of ours that is of one document alone: it is tried again as any other, and says nothing of what the work needs. */
export class LoneFault extends Error {
  override readonly name = "LoneFault";
}

/** Marks a branch that the compiler proves unreachable; throws if data proves otherwise. */
export function unreachable(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}
