import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fetchEngine, runClient } from "./fetch-engine.ts";

const copyPlugin = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

/** A directory with the jars of an artifact and of all that it needs to run, as Maven resolves them. */
export async function fetchMaven(
  name: string,
  artifact: { group: string; id: string; version: string },
): Promise<string> {
  return await fetchEngine(name, artifact.version, async (directory) => {
    const project = await mkdtemp(join(tmpdir(), "strongroom-maven-"));
    try {
      await writeFile(join(project, "pom.xml"), projectOf(artifact));
      await runClient(
        "mvn",
        ["-q", "-B", copyPlugin, "-DincludeScope=runtime", `-DoutputDirectory=${directory}`],
        { cwd: project },
      );
    } finally {
      await rm(project, { recursive: true });
    }
  });
}

const projectOf = ({ group, id, version }: { group: string; id: string; version: string }) => `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>strongroom</groupId><artifactId>engine</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>${group}</groupId><artifactId>${id}</artifactId><version>${version}</version></dependency>
  </dependencies>
</project>
`;
