import type { Content } from "@strongroom/core/document/read-document";

/**
 * Headers of an artefact, digest and length first: whoever reads on knows what must come. The bytes were made by strangers,
 * so a browser may not guess their type, run anything in them, or ask for parts.
 */
export function contentHeaders({
  mediaType,
  sizeBytes,
  sha256,
  fileName,
  disposition,
}: Omit<Content, "body">): Record<string, string> {
  return {
    "repr-digest": `sha-256=:${Buffer.from(sha256, "hex").toString("base64")}:`,
    "content-length": String(sizeBytes),
    "content-type": mediaType,
    "content-disposition": contentDisposition(disposition, fileName),
    "content-security-policy": "sandbox; default-src 'none'",
    "x-content-type-options": "nosniff",
    "accept-ranges": "none",
  };
}

/**
 * RFC 6266: a plain ASCII name for old clients, the true one as RFC 8187 says. Directions of paths, control characters and
 * marks that turn text around ("gpj.exe" for "exe.jpg") are replaced, and what is left has at most 150 characters.
 */
export function contentDisposition(disposition: "attachment" | "inline", fileName: string): string {
  const clean = fileName
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}/\\:*?"<>|]/gu, "_")
    .replace(/^[.\s]+|[.\s]+$/g, "");
  const name = Array.from(clean).slice(0, 150).join("") || "document";
  const ascii = name.replace(/[^\x20-\x7e]/gu, "_").replace(/%/g, "_");
  const encoded = encodeURIComponent(name).replace(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `${disposition}; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
