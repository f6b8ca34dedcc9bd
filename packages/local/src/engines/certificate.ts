import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runClient } from "./fetch-engine.ts";

/** A certificate for `localhost` and 127.0.0.1 with its key, and the authority that signed it; all in PEM. */
export type Certificate = { ca: string; certificate: string; key: string };

const names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];

/** Has the openssl command make a certificate of a new authority that nobody knows. */
export async function makeCertificate(): Promise<Certificate> {
  const cwd = await mkdtemp(join(tmpdir(), "strongroom-certificate-"));
  const openssl = (...args: string[]) => runClient("openssl", args, { cwd });
  try {
    await openssl(
      "req",
      "-x509",
      ...curve,
      "-subj",
      "/CN=Strongroom test CA",
      "-keyout",
      "ca.key",
      "-out",
      "ca.pem",
    );
    const by = [
      "-CA",
      "ca.pem",
      "-CAkey",
      "ca.key",
      "-addext",
      names,
      "-addext",
      "basicConstraints=critical,CA:FALSE",
    ];
    await openssl(
      "req",
      "-x509",
      ...curve,
      ...by,
      "-subj",
      "/CN=localhost",
      "-keyout",
      "key.pem",
      "-out",
      "certificate.pem",
    );
    const [ca, certificate, key] = await Promise.all(
      ["ca.pem", "certificate.pem", "key.pem"].map((name) => readFile(join(cwd, name), "utf8")),
    );
    return { ca: ca!, certificate: certificate!, key: key! };
  } finally {
    await rm(cwd, { recursive: true });
  }
}
