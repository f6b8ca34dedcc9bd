import type { NoPreviewReason } from "@strongroom/core/document/rendering";

/** Families of hostile input, in the order in which they are told. */
export const families = [
  "decompression bombs",
  "pixel bombs",
  "parse bombs",
  "drawing bombs",
  "container bombs",
  "polyglots",
  "foreign types",
  "stubs and noise",
  "metadata",
  "colour profiles",
  "damaged codecs",
  "locked PDFs",
  "scripted PDFs",
  "file names",
  "truncations",
  "mutations",
  "lies",
] as const;
export type Family = (typeof families)[number];

/**
 * Where a toxic file may end: `stored` with its pages, `no_preview` with the reason (the original is sealed), `rejected`
 * by the processor, or `refused` by the API or the object store before anything was taken.
 */
export type End =
  | "stored"
  | `no_preview ${NoPreviewReason}`
  | `rejected ${"unsupported_type" | "too_many_pixels" | "side_too_long" | "too_many_pages" | "checksum_mismatch"}`
  | `refused ${string}`;

/** A colour as red, green, blue. */
export type Colour = readonly [number, number, number];
/** What an upright rendition shows: top left, top right, bottom left, bottom right. */
export type Quadrants = readonly [Colour, Colour, Colour, Colour];

/** What is known of the pixels that may be shown: all of `quadrants`, or, of a torn file, them and plain fill. */
export type Truth = { quadrants: Quadrants; torn: boolean };

/** One hostile file with its oracle. */
export type ToxicFile = {
  family: Family;
  /** Unique among all. */
  kind: string;
  /** The name that it is declared under. */
  name: string;
  declaredType: string;
  bytes: () => Buffer | Promise<Buffer>;
  ends: readonly End[];
  /** Null where nobody can say what it should look like. */
  truth: Truth | null;
};

/** Whether a file may spend seconds, and up to its whole deadline twice. */
export function isHeavy({ ends }: ToxicFile): boolean {
  return ends.includes("no_preview timed_out");
}

type Rest = Partial<Pick<ToxicFile, "name" | "declaredType" | "truth">>;
/** A file of a family; `bytes` may be given as they are, or be made when they are wanted. */
export type Bytes = Buffer | (() => Buffer | Promise<Buffer>);

const extensions: Record<string, string> = {
  jpeg: "image/jpeg",
  png: "image/png",
  webp: "image/webp",
  tiff: "image/tiff",
  heic: "image/heic",
  pdf: "application/pdf",
};

/** Makes files of one family: `kind` begins with the format, which gives name and declared type. */
export function inFamily(family: Family) {
  return (kind: string, bytes: Bytes, ends: readonly End[], rest: Rest = {}): ToxicFile => {
    const format = kind.split(" ")[0]!;
    const declaredType = extensions[format] ?? "image/jpeg";
    return {
      family,
      kind,
      name: `${kind.replaceAll(/[^\w]+/g, "-")}.${declaredType.split("/")[1]!}`,
      declaredType,
      bytes: typeof bytes === "function" ? bytes : () => bytes,
      ends,
      truth: null,
      ...rest,
    };
  };
}

/** Ends that more than one family allows. */
export const rendered: readonly End[] = ["stored"];
export const broken: readonly End[] = ["no_preview broken"];
export const renderedOrBroken: readonly End[] = ["stored", "no_preview broken"];
export const foreign: readonly End[] = ["rejected unsupported_type"];
export const tooManyPixels: readonly End[] = ["rejected too_many_pixels"];
export const sideTooLong: readonly End[] = ["rejected side_too_long"];
export const tooManyPages: readonly End[] = ["rejected too_many_pages"];
/** Of the right type and within the limits, but at any price: whatever the child could not do is named. */
export const heavy: readonly End[] = [
  "stored",
  "no_preview broken",
  "no_preview timed_out",
  "no_preview out_of_memory",
  "no_preview decoder_crashed",
];

/** A word that no rendition may contain, wherever in a file it was put. */
export const canary = "strongroom-toxic-canary";
