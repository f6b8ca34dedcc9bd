/** As in core, which a decode child may not read: frees bytes that nobody looks at any more, ahead of V8's collector. */
export function releaseMemory({ buffer, byteLength }: Uint8Array): void {
  const isItsOwn = byteLength > 0 && buffer.byteLength === byteLength;
  if (isItsOwn && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
