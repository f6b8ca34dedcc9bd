import { type Honest, quadrants } from "../honest.ts";
import { type End, inFamily, rendered, type ToxicFile } from "../toxic-file.ts";

const file = inFamily("file names");

const refused: readonly End[] = ["refused invalid_request"];

/** Names that somebody may give a file; they are words to be shown, and never a path, a header or a page. */
const names: readonly (readonly [string, string, readonly End[]])[] = [
  ["that is turned around", "photo\u202egpj.exe", refused],
  ["with isolates and marks of direction", "\u2066a\u2069\u200f\u061cb.jpg", rendered],
  ["that climbs", "../../../../etc/passwd", rendered],
  ["that climbs as on Windows", "..\\..\\boot.ini", rendered],
  ["that is a path", "/etc/shadow", rendered],
  ["of one dot", ".", rendered],
  ["of two dots", "..", rendered],
  ["of 255 characters", `${"a".repeat(251)}.jpg`, rendered],
  ["of 256 characters", `${"a".repeat(252)}.jpg`, refused],
  ["of a million characters", "a".repeat(1_000_000), ["refused body_too_large"]],
  ["of 127 emoji", "🚚".repeat(127), rendered],
  ["of 255 emoji", "🚚".repeat(255), rendered],
  ["of 256 emoji", "🚚".repeat(256), refused],
  ["with NUL", "photo.jpg\0.exe", refused],
  ["with a line break and a header", "a\r\nSet-Cookie: x=y.jpg", refused],
  ["with an escape", "\u001b[2Jphoto.jpg", refused],
  ["with a control character of Latin 1", "photo\u0085.jpg", refused],
  ["of nothing", "", refused],
  ["of spaces", "   ", refused],
  ["with a high half of a character", "photo\ud83d.jpg", refused],
  ["with a low half of a character", "\ude9aphoto.jpg", refused],
  ["with line and paragraph separators", "a\u2028b\u2029c.jpg", refused],
  ["of HTML", `"><img src=x onerror=alert(1)>.jpg`, rendered],
  ["with quotes of a header", `a"; filename="evil.exe`, rendered],
  ["with percent signs", "%00%2e%2e%2f%n%s.jpg", rendered],
  ["of a Windows device", "CON", rendered],
  ["of a template", "{{7*7}}${7*7}<%=7*7%>.jpg", rendered],
  ["of SQL", "'; drop table document; --.jpg", rendered],
  ["of a formula", "=cmd|'/c calc'!A0.jpg", rendered],
  ["of an object's own", "__proto__", rendered],
  ["of combining marks", `Z${"\u0351".repeat(200)}.jpg`, rendered],
  ["of no width", "\u200b\u200c\u200d\ufeff.jpg", rendered],
  ["beyond the first plane", "\u{10ffff}\u{e0001}.jpg", rendered],
];

/** One honest picture under every name. */
export function fileNames({ jpeg }: Honest): ToxicFile[] {
  return names.map(([kind, name, ends], index) =>
    // A byte of its own behind the picture: else all are duplicates of one another.
    file(`jpeg under a name ${kind}`, Buffer.concat([jpeg, Buffer.from([index])]), ends, {
      name,
      truth: { quadrants, torn: false },
    }),
  );
}
