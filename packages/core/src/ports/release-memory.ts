/**
 * Gives back the memory of bytes that nobody looks at any more; they are empty then. Left to V8, buffers outside of its
 * heap make it collect every few megabytes. Bytes that share their memory with others are left alone.
 */
export function releaseMemory({ buffer, byteLength }: Uint8Array): void {
  const isItsOwn = byteLength > 0 && buffer.byteLength === byteLength;
  if (isItsOwn && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
