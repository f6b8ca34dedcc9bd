import { PDFiumModule } from "@hyzyla/pdfium";

/**
 * The functions of PDFium that are used here, by their own names. The package's wrapper is passed by: it closes no page
 * that it did not draw, draws text with colour fringes for LCD screens, and names no handle that failed to open.
 */
type Pdfium = Record<
  | "_FPDF_LoadMemDocument"
  | "_FPDF_GetLastError"
  | "_FPDF_GetPageCount"
  | "_FPDF_LoadPage"
  | "_FPDF_GetPageWidthF"
  | "_FPDF_GetPageHeightF"
  | "_FPDFBitmap_CreateEx"
  | "_FPDF_RenderPageBitmap"
  | "_FPDF_FFLDraw"
  | "_FPDFBitmap_Destroy"
  | "_FPDF_ClosePage"
  | "_FPDF_CloseDocument"
  | "_FPDFDOC_InitFormFillEnvironment"
  | "_FPDFDOC_ExitFormFillEnvironment"
  | "_FORM_OnAfterLoadPage"
  | "_FORM_OnBeforeClosePage"
  | "_FPDFText_LoadPage"
  | "_FPDFText_CountChars"
  | "_FPDFText_GetText"
  | "_FPDFText_ClosePage",
  (...args: number[]) => number
> & {
  _FPDF_InitLibraryWithConfig(config: object): void;
  wasmExports: { malloc(size: number): number; free(pointer: number): void };
  HEAPU8: Uint8Array;
};

const bitmapFormat = { bgr: 2 };
const flags = { annotations: 0x01, reverseByteOrder: 0x10 };
const formFillVersion = 2;
const formFillBytes = 256;

/** Codes of FPDF_GetLastError that mean "somebody locked it". */
const lockedErrors = new Set([4, 5]);

/** Why a PDF did not open. */
export class PdfError extends Error {
  readonly isLocked: boolean;

  constructor(code: number) {
    super(`PDFium error ${code}`);
    this.isLocked = lockedErrors.has(code);
  }
}

/** One open PDF; every page is opened, used and closed within `withPage`. */
export type Pdf = {
  pageCount: number;
  /** Runs `use` with an open page; null when the page cannot be opened. */
  withPage<T>(index: number, use: (page: PdfPage) => T): T | null;
  close(): void;
};

/** RGB pixels, three bytes each, row by row: `width × height` of them. */
export type Canvas = { pixels: Uint8Array; width: number; height: number };

export type PdfPage = {
  /** Points (1/72 inch), rotation applied; may be zero or huge, as the file says. */
  width: number;
  height: number;
  /** Fills the canvas with the page, its annotations and form fields, on white. */
  draw(canvas: Canvas): void;
  /** As the file has it, with NULs and lone surrogates. */
  text(): string;
};

let loading: Promise<Pdfium> | null = null;

async function load(): Promise<Pdfium> {
  const pdfium = (await PDFiumModule({})) as unknown as Pdfium;
  pdfium._FPDF_InitLibraryWithConfig({ version: 2 });
  return pdfium;
}

/** Opens a PDF without a password. @throws PdfError when it is locked or broken. */
export async function openPdf(bytes: Uint8Array): Promise<Pdf> {
  loading ??= load();
  const pdfium = await loading;
  const memory = allocate(pdfium, bytes.length);
  pdfium.HEAPU8.set(bytes, memory);
  const document = pdfium._FPDF_LoadMemDocument(memory, bytes.length, 0);
  if (document === 0) {
    const code = pdfium._FPDF_GetLastError();
    pdfium.wasmExports.free(memory);
    throw new PdfError(code);
  }
  const form = openForm(pdfium, document);
  return {
    pageCount: pdfium._FPDF_GetPageCount(document),
    withPage: (index, use) => withPage(pdfium, document, form.handle, index, use),
    close: () => {
      form.close();
      pdfium._FPDF_CloseDocument(document);
      pdfium.wasmExports.free(memory);
    },
  };
}

/** Without a form environment the values of form fields are not drawn; it has no callbacks and runs no script. */
function openForm(pdfium: Pdfium, document: number): { handle: number; close(): void } {
  const info = allocate(pdfium, formFillBytes);
  pdfium.HEAPU8.fill(0, info, info + formFillBytes);
  pdfium.HEAPU8[info] = formFillVersion;
  const handle = pdfium._FPDFDOC_InitFormFillEnvironment(document, info);
  return {
    handle,
    close: () => {
      if (handle !== 0) pdfium._FPDFDOC_ExitFormFillEnvironment(handle);
      pdfium.wasmExports.free(info);
    },
  };
}

function withPage<T>(
  pdfium: Pdfium,
  document: number,
  form: number,
  index: number,
  use: (page: PdfPage) => T,
): T | null {
  const page = pdfium._FPDF_LoadPage(document, index);
  if (page === 0) return null;
  if (form !== 0) pdfium._FORM_OnAfterLoadPage(page, form);
  try {
    return use({
      width: pdfium._FPDF_GetPageWidthF(page),
      height: pdfium._FPDF_GetPageHeightF(page),
      draw: (canvas) => draw(pdfium, page, form, canvas),
      text: () => textOf(pdfium, page),
    });
  } finally {
    if (form !== 0) pdfium._FORM_OnBeforeClosePage(page, form);
    pdfium._FPDF_ClosePage(page);
  }
}

function draw(pdfium: Pdfium, page: number, form: number, { pixels, width, height }: Canvas): void {
  const stride = width * 3;
  const memory = allocate(pdfium, stride * height);
  const bitmap = pdfium._FPDFBitmap_CreateEx(width, height, bitmapFormat.bgr, memory, stride);
  try {
    pdfium.HEAPU8.fill(255, memory, memory + stride * height); // white; PDFium's own FillRect takes 2 ms longer
    const target = [bitmap, page, 0, 0, width, height, 0];
    pdfium._FPDF_RenderPageBitmap(...target, flags.annotations | flags.reverseByteOrder);
    if (form !== 0) pdfium._FPDF_FFLDraw(form, ...target, flags.reverseByteOrder);
    pixels.set(pdfium.HEAPU8.subarray(memory, memory + stride * height));
  } finally {
    pdfium._FPDFBitmap_Destroy(bitmap);
    pdfium.wasmExports.free(memory);
  }
}

function textOf(pdfium: Pdfium, page: number): string {
  const text = pdfium._FPDFText_LoadPage(page);
  if (text === 0) return "";
  try {
    const count = pdfium._FPDFText_CountChars(text);
    if (count <= 0) return "";
    const memory = allocate(pdfium, (count + 1) * 2);
    const written = pdfium._FPDFText_GetText(text, 0, count, memory);
    const units = pdfium.HEAPU8.slice(memory, memory + Math.max(0, written - 1) * 2);
    pdfium.wasmExports.free(memory);
    return new TextDecoder("utf-16le").decode(units);
  } finally {
    pdfium._FPDFText_ClosePage(text);
  }
}

function allocate(pdfium: Pdfium, size: number): number {
  const pointer = pdfium.wasmExports.malloc(Math.max(1, size));
  if (pointer === 0) throw new Error("out of memory in PDFium");
  return pointer;
}
