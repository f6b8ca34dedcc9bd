/**
 * Draws the files that the demo uploads: `node packages/local/samples/make.ts`. The same code gives the same files.
 * All people, firms and numbers on them are invented. See README.md for what each one is there for.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rgb } from "pdf-lib";
import sharp from "sharp";
import { consignmentNote, deliveryNote, invoice, licence } from "./forms.ts";
import { paper } from "./paper.ts";
import { photograph, type Shot } from "./photograph.ts";

const shot: Shot = { width: 1800, height: 2400, share: 0.92, tiltDegrees: 0, desk: [128, 92, 62], seed: 1 };
const jpeg = { quality: 75, mozjpeg: true };

/** What a phone would have written: the renditions must not carry it. */
const camera = {
  IFD0: { Make: "Samplephone", Model: "S 5", Software: "samples/make.ts" },
  IFD2: { DateTimeOriginal: "2025:03:05 10:41:27", OffsetTimeOriginal: "+01:00" },
  IFD3: {
    GPSLatitudeRef: "N",
    GPSLatitude: "45/1 48/1 3636/100",
    GPSLongitudeRef: "E",
    GPSLongitude: "9/1 5/1 600/100",
  },
};

await makeDeliveryNote();
await makeConsignmentNotes();
await makeLicence();
await save("invoice.pdf", await paper("Invoice 2025-1187", invoice));
await save("broken.jpg", Buffer.from(errorPage()));

/** Stored lying on its side with orientation 6, as phones held upright do. */
async function makeDeliveryNote(): Promise<void> {
  const page = await paper("Delivery note", [deliveryNote]);
  const upright = await photograph(page, { ...shot, tiltDegrees: 2.2, seed: 11 });
  const onItsSide = await upright.clone().rotate(270).raw().toBuffer();
  const stored = sharp(onItsSide, { raw: { width: shot.height, height: shot.width, channels: 3 } });
  await save(
    "delivery-note.jpg",
    await stored.withExif(camera).withMetadata({ orientation: 6 }).jpeg(jpeg).toBuffer(),
  );
  const shaken = await photograph(page, { ...shot, tiltDegrees: -3.4, seed: 12 });
  await save("blurred.jpg", await shaken.blur(7).jpeg(jpeg).toBuffer());
}

async function makeConsignmentNotes(): Promise<void> {
  const inks = [rgb(0.62, 0.1, 0.12), rgb(0.1, 0.2, 0.55), rgb(0.06, 0.38, 0.2)];
  for (const copy of [1, 2, 3] as const) {
    const page = await paper(`CMR copy ${copy}`, [consignmentNote(copy)], inks[copy - 1]);
    const photo = await photograph(page, {
      ...shot,
      tiltDegrees: [-1.6, 1.1, 2.9][copy - 1]!,
      desk: [96, 98, 104],
      seed: 20 + copy,
    });
    await save(`cmr-${copy}.jpg`, await photo.jpeg(jpeg).toBuffer());
  }
}

/** Needs heif-enc of Debian's libheif-examples; without it the file stays as it is. */
async function makeLicence(): Promise<void> {
  const card = await paper("Licence", [licence], undefined, [243, 153]);
  const photo = await photograph(card, {
    ...shot,
    width: 1600,
    height: 1200,
    share: 0.7,
    tiltDegrees: 1.4,
    desk: [74, 84, 92],
    seed: 31,
  });
  const folder = mkdtempSync(join(tmpdir(), "strongroom-samples-"));
  try {
    const png = join(folder, "licence.png");
    await photo.blur(0.6).withIccProfile("p3").withExif(camera).png().toFile(png);
    const { error } = spawnSync("heif-enc", [
      "-q",
      "40",
      "-o",
      join(import.meta.dirname, "licence.heic"),
      png,
    ]);
    if (error) process.stdout.write("licence.heic is left as it is: heif-enc is not installed\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function errorPage(): string {
  return "<!doctype html>\n<html><head><title>502 Bad Gateway</title></head>\n<body><h1>502 Bad Gateway</h1></body></html>\n";
}

async function save(name: string, bytes: Uint8Array): Promise<void> {
  await writeFile(join(import.meta.dirname, name), bytes);
  process.stdout.write(`${name}  ${bytes.length} bytes\n`);
}
