import * as z from "zod";

/**
 * What a line of words may not hold. Isolates and marks of direction are honest: phones put them around names. Half a
 * character (a lone surrogate) would be stored as another than it was.
 */
const unfit = [
  [/[\r\n\u2028\u2029]/, "contains a line break; it is one line"],
  [/\p{Cc}/u, "contains control characters"],
  [/[\u202a-\u202e]/, "contains characters that turn the direction of a text around"],
  [/\p{Cs}/u, "contains half a character"],
] as const;
const faultOf = (value: string) => unfit.find(([pattern]) => pattern.test(value))?.[1];

/** A line of words without space around it; `max` in characters. */
export const text = (max: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(max)
    .refine((value) => faultOf(value) === undefined, { error: ({ input }) => faultOf(String(input)) });
/** As the API writes hashes. */
export const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "is not a SHA-256 in 64 lower-case hex digits");
/** A moment as the API writes it: ISO 8601 in UTC. */
export const moment = z.iso.datetime();

/** A moment as a client gives it, in any time zone; read as UTC. A bare plus in a query reaches us as a space. */
export const givenMoment = z
  .string()
  .transform((text) => text.replace(/ (?=\d\d:\d\d$)/, "+"))
  .pipe(z.iso.datetime({ offset: true }).transform((text) => new Date(text)))
  .refine((at) => /^\d{4}-/.test(at.toISOString()), "is not within the years 0000 to 9999 of UTC")
  .transform((at) => at.toISOString())
  .meta({ format: "date-time" });
export const momentOrNull = moment.nullable();
/** Of things or bytes. */
export const count = z.number().int().min(0);

/** What the words of a document are, in requests and in answers alike. */
export const loadNumberWords = "Number of the load or the order that the document belongs to";
export const noteWords = "One line of words, without line breaks, for whoever reads the document";
