/** A text in every form in which it may lie about; a form is told by its name. */
export function encodingsOf(text: string): Map<string, Buffer> {
  const bytes = Buffer.from(text);
  const utf16 = Buffer.from(text, "utf16le");
  const forms: [string, Buffer][] = [
    ["raw", bytes],
    ["hex", Buffer.from(bytes.toString("hex"))],
    ["HEX", Buffer.from(bytes.toString("hex").toUpperCase())],
    ["UTF-16LE", utf16],
    ["UTF-16BE", Buffer.from(utf16).swap16()],
  ];
  for (const shift of [0, 1, 2]) {
    forms.push([`base64+${shift}`, innerBase64(bytes, shift, "base64")]);
    forms.push([`base64url+${shift}`, innerBase64(bytes, shift, "base64url")]);
  }
  return new Map(forms);
}

/** The letters of base64 that no neighbour can change, when `shift` bytes stand before the text in its group of three. */
function innerBase64(bytes: Buffer, shift: number, form: "base64" | "base64url"): Buffer {
  const from = Math.ceil((shift * 8) / 6);
  const whole = Math.floor(((shift + bytes.length) * 8) / 6);
  const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString(form);
  return Buffer.from(text.slice(from, whole));
}

/** The forms of a text that a piece of data holds. */
export function formsIn(data: Buffer, forms: Map<string, Buffer>): string[] {
  return [...forms].filter(([, form]) => data.includes(form)).map(([name]) => name);
}
