type Tag = { signature: string; data: Buffer; offset?: number; length?: number };
type Options = {
  dataSpace?: string;
  declaredSize?: number;
  tagCount?: number;
  signature?: string;
  more?: readonly Tag[];
};

/** A display profile (ICC.1) close to sRGB: three primaries, a white point, one curve, a description. */
export function writeIcc(description: string, options: Options = {}): Buffer {
  const tags: Tag[] = [
    { signature: "desc", data: textDescription(description) },
    { signature: "cprt", data: Buffer.from("text\0\0\0\0nobody\0\0", "latin1") },
    { signature: "wtpt", data: xyz(0.9642, 1, 0.8249) },
    { signature: "rXYZ", data: xyz(0.4361, 0.2225, 0.0139) },
    { signature: "gXYZ", data: xyz(0.3851, 0.7169, 0.0971) },
    { signature: "bXYZ", data: xyz(0.1431, 0.0606, 0.7141) },
    ...["rTRC", "gTRC", "bTRC"].map((signature) => ({ signature, data: curve(2.2) })),
    ...(options.more ?? []),
  ];
  const table = Buffer.alloc(4 + tags.length * 12);
  table.writeUInt32BE((options.tagCount ?? tags.length) >>> 0, 0);
  let at = 128 + table.length;
  tags.forEach(({ signature, data, offset, length }, index) => {
    table.write(signature, 4 + index * 12, "latin1");
    table.writeUInt32BE((offset ?? at) >>> 0, 8 + index * 12);
    table.writeUInt32BE((length ?? data.length) >>> 0, 12 + index * 12);
    at += data.length;
  });
  return Buffer.concat([header(options.declaredSize ?? at, options), table, ...tags.map(({ data }) => data)]);
}

function header(size: number, { dataSpace = "RGB ", signature = "acsp" }: Options): Buffer {
  const bytes = Buffer.alloc(128);
  bytes.writeUInt32BE(size >>> 0, 0);
  bytes.writeUInt32BE(0x02400000, 8);
  bytes.write(`mntr${dataSpace}XYZ `, 12, "latin1");
  bytes.set([7, 230, 0, 1, 0, 1], 24);
  bytes.write(signature, 36, "latin1");
  xyz(0.9642, 1, 0.8249).copy(bytes, 68, 8);
  return bytes;
}

function xyz(...values: number[]): Buffer {
  const bytes = Buffer.alloc(20);
  bytes.write("XYZ ", "latin1");
  values.forEach((value, index) => bytes.writeInt32BE(Math.round(value * 65_536), 8 + index * 4));
  return bytes;
}

function curve(gamma: number): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.write("curv", "latin1");
  bytes.writeUInt32BE(1, 8);
  bytes.writeUInt16BE(Math.round(gamma * 256), 12);
  return bytes;
}

function textDescription(text: string): Buffer {
  const bytes = Buffer.alloc(12 + text.length + 1 + 78);
  bytes.write("desc", "latin1");
  bytes.writeUInt32BE(text.length + 1, 8);
  bytes.write(text, 12, "latin1");
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
