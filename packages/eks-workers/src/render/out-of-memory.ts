/** Tells whether a decoder, V8 or libvips complains of too little memory, rather than of the file. */
export function isAboutMemory(message: string): boolean {
  return /out of memory|failed to allocate|allocation failed|bad_alloc|enlarge memory|\boom\b/i.test(message);
}
