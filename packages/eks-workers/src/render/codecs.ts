import sharp from "sharp";

/** Loaders that stay open: whole buffers of four formats. No files, no GIF, SVG, PDF, AVIF, nor anything else. */
const openLoaders = ["Jpeg", "Png", "Webp", "Tiff"].map((format) => `VipsForeignLoad${format}Buffer`);

// One thread per child: jobs in flight equal cores, and more threads only cost memory.
sharp.concurrency(1);
sharp.cache(false);
sharp.block({ operation: ["VipsForeignLoad"] });
sharp.unblock({ operation: openLoaders });

/** libvips with one thread, no cache and only four loaders; the only way by which this folder reaches it. */
export { sharp };
