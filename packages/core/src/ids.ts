import * as z from "zod";

const uuid = z.uuid().transform((text) => text.toLowerCase());

/** Tenant id: a lower-case UUID. */
export const TenantId = uuid.brand<"TenantId">();
export type TenantId = z.infer<typeof TenantId>;
/** Document id: a UUIDv7 made by the client; unique within its tenant only. */
export const DocumentId = z
  .uuidv7()
  .transform((text) => text.toLowerCase())
  .brand<"DocumentId">();
export type DocumentId = z.infer<typeof DocumentId>;
/** File id: a UUID made by the server, one for each page file of a document. */
export const FileId = uuid.brand<"FileId">();
export type FileId = z.infer<typeof FileId>;
/** Person id: a UUID, in the `sub` of their access tokens or the claim that the configuration names. */
export const UserId = uuid.brand<"UserId">();
export type UserId = z.infer<typeof UserId>;
/** Device id: a UUID made by the device. */
export const DeviceId = uuid.brand<"DeviceId">();
export type DeviceId = z.infer<typeof DeviceId>;

/** Source of ids and randomness; a simulator drives its own. */
export interface Ids {
  /** UUIDv7: 48 bits of milliseconds, then random (RFC 9562). */
  uuid(): string;
  /** `length` random bytes. */
  random(length: number): Uint8Array;
}

/** UUIDv7 from a time in milliseconds and 16 random bytes (the first six are replaced by the time). */
export function uuidv7(timeMs: number, random: Uint8Array): string {
  const bytes = Uint8Array.from(random.subarray(0, 16));
  for (let index = 0; index < 6; index++) bytes[index] = Math.floor(timeMs / 256 ** (5 - index)) % 256;
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Ids of this machine: the system's clock and the kernel's random source. */
export const systemIds: Ids = {
  uuid: () => uuidv7(Date.now(), crypto.getRandomValues(new Uint8Array(16))),
  random: (length) => crypto.getRandomValues(new Uint8Array(length)),
};

/** Letters and digits without look-alikes (no 0 O, 1 I L, 2 Z, 5 S, 8 B, U V); they can be told apart over a phone. */
export const confirmationAlphabet = "34679ACDEFGHJKMNPQRTWXY";

/** Confirmation code: 8 characters that can be read out over the phone, in two groups of four as "ABCD-EFGH". */
export function confirmationCode(ids: Ids): string {
  const letters: string[] = [];
  const usable = 256 - (256 % confirmationAlphabet.length);
  while (letters.length < 8) {
    for (const byte of ids.random(16)) {
      if (byte < usable && letters.length < 8)
        letters.push(confirmationAlphabet[byte % confirmationAlphabet.length]!);
    }
  }
  return `${letters.slice(0, 4).join("")}-${letters.slice(4).join("")}`;
}

const smallLetters = confirmationAlphabet.replaceAll(/\d/g, "").toLowerCase();
const spoken = `[${confirmationAlphabet}${smallLetters}]{4}`;

/** A confirmation code as people say it, in any case, with a hyphen, a space or nothing between its groups; read as it is stored. */
export const SpokenCode = z
  .string()
  .trim()
  .regex(new RegExp(`^${spoken}[ -]?${spoken}$`), "is not a confirmation code such as 63RJ-JMKX")
  .transform((said) => `${said.slice(0, 4)}-${said.slice(-4)}`.toUpperCase());
