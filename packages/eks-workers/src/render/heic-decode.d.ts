declare module "heic-decode" {
  type DecodedImage = { width: number; height: number; data: Uint8ClampedArray };
  type ImageHandle = { width: number; height: number; decode(): Promise<DecodedImage> };
  const decode: {
    /** Reads the structure only; dimensions are known before any `decode`. */
    all(input: { buffer: Uint8Array }): Promise<ImageHandle[] & { dispose(): void }>;
  };
  export default decode;
}
