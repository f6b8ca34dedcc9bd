/** What we use of it; TypeScript knows it as a part of browsers only. */
declare namespace WebAssembly {
  class Module {
    constructor(code: Uint8Array);
  }
  class Instance {
    constructor(module: Module);
    readonly exports: Readonly<Record<string, unknown>>;
  }
  type Memory = { readonly buffer: ArrayBuffer; grow(pages: number): number };
}
