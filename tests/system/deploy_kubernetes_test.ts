/**
 * deploy/kubernetes.yaml: Kubernetes' own schemas accept it, and its parts agree with each other and with the
 * program.
 * @module
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { parseAll } from "@std/yaml";
import config from "../../deno.json" with { type: "json" };
import { GRACE_MARGIN_MS, GRACE_PERIOD_MS } from "../../server/limits.ts";
import { Manifest } from "../support/kubernetes.ts";
import { Program, programCommand, REPOSITORY, runProgram, Site } from "../support/program.ts";
import { exchange } from "../support/wire.ts";

const TEXT = Deno.readTextFileSync(`${REPOSITORY}deploy/kubernetes.yaml`);
const DOCKERFILE = Deno.readTextFileSync(`${REPOSITORY}Dockerfile`);
const ALL = parseAll(TEXT).map((document) => new Manifest(document));

function one(kind: string): Manifest {
  const found = ALL.filter((document) => document.at("kind").text === kind);
  assertEquals(found.length, 1, kind);
  return found[0]!;
}

const deployment = one("Deployment");
const pod = deployment.at("spec", "template", "spec");
const [container] = pod.at("containers").list as [Manifest];
const ports = Object.fromEntries(
  container.at("ports").list.map((port) => [port.at("name").text, port.at("containerPort").number]),
);
const environment = Object.fromEntries(
  container.at("env").list.map((variable) => [variable.at("name").text, variable.at("value").text]),
);
const PROBES = ["startupProbe", "readinessProbe", "livenessProbe"] as const;

function mistakesIn(text: string): string[] {
  return parseAll(text).flatMap((document) => new Manifest(document).mistakes);
}

Deno.test("Kubernetes' schemas find no mistake in kubernetes.yaml, and no unknown field", () => {
  assertEquals(ALL.map((document) => document.at("kind").text), [
    "ConfigMap",
    "Deployment",
    "Service",
    "HorizontalPodAutoscaler",
    "PodDisruptionBudget",
    "NetworkPolicy",
  ]);
  assertEquals(mistakesIn(TEXT), []);
});

Deno.test("the schemas do find a misspelt, missing or misplaced field, and one of the wrong type", () => {
  const CONTAINER = "Deployment /spec/template/spec/containers/0";
  const cases: [from: string, to: string, mistake: string][] = [
    ["readinessProbe:", "readinesProbe:", `apps/v1 ${CONTAINER}/readinesProbe: unknown`],
    ["seconds: 10", "second: 10", `apps/v1 ${CONTAINER}/lifecycle/preStop/sleep/second: unknown`],
    ["path: /readyz", "pat: /readyz", `apps/v1 ${CONTAINER}/readinessProbe/httpGet/pat: unknown`],
    ["revisionHistoryLimit: 5", "minReplicas: 5", "apps/v1 Deployment /spec/minReplicas: unknown"],
    ["replicas: 3", 'replicas: "3"', "apps/v1 Deployment /spec/replicas: type"],
    ["containerPort: 9090", "hostPort: 9090", `apps/v1 ${CONTAINER}/ports/1: required`],
    ["maxReplicas: 12", "maxReplica: 12", "autoscaling/v2 HorizontalPodAutoscaler /spec: required"],
    ["maxUnavailable: 1", "maxUnavailabel: 1", "policy/v1 PodDisruptionBudget /spec/maxUnavailabel: unknown"],
    ["egress: []", "egres: []", "networking.k8s.io/v1 NetworkPolicy /spec/egres: unknown"],
    ["targetPort: http", "targetport: http", "v1 Service /spec/ports/0/targetport: unknown"],
    ["autoscaling/v2", "autoscaling/v2beta2", "no such kind: autoscaling/v2beta2 HorizontalPodAutoscaler"],
  ];
  for (const [from, to, mistake] of cases) {
    assert(TEXT.includes(from), from);
    const found = mistakesIn(TEXT.replace(from, to));
    assert(found.includes(mistake), `${to}: ${found.join("; ")}`);
  }
});

Deno.test("Service, budget, policy and spread select the Deployment's pods, and the autoscaler the Deployment", () => {
  const labels = deployment.at("spec", "template", "metadata", "labels").value;
  const selectors = [
    deployment.at("spec", "selector", "matchLabels"),
    one("Service").at("spec", "selector"),
    one("PodDisruptionBudget").at("spec", "selector", "matchLabels"),
    one("NetworkPolicy").at("spec", "podSelector", "matchLabels"),
    ...pod.at("topologySpreadConstraints").list.map((spread) => spread.at("labelSelector", "matchLabels")),
  ];
  assert(selectors.length > 5);
  for (const selector of selectors) assertEquals(selector.value, labels);
  const autoscaler = one("HorizontalPodAutoscaler").at("spec");
  assertEquals(autoscaler.at("scaleTargetRef").value, {
    apiVersion: deployment.at("apiVersion").text,
    kind: "Deployment",
    name: deployment.at("metadata", "name").text,
  });
  assertEquals(autoscaler.at("minReplicas").number, deployment.at("spec", "replicas").number);
  assert(autoscaler.at("minReplicas").number < autoscaler.at("maxReplicas").number);
  const unavailable = one("PodDisruptionBudget").at("spec", "maxUnavailable").number;
  assert(unavailable > 0 && unavailable < autoscaler.at("minReplicas").number);
  assert(container.at("resources", "requests").has("cpu"), "the autoscaler counts in parts of that");
});

Deno.test("ports are those of the image; the admin port is for the kubelet and Prometheus, and not in the Service", () => {
  assertEquals(ports, { http: 8080, https: 8443, admin: 9090 });
  assertMatch(DOCKERFILE, new RegExp(`\\bEPOLLET_PORT=${ports.http}\\b`));
  assertMatch(DOCKERFILE, new RegExp(`\\bEPOLLET_HTTPS_PORT=${ports.https}\\b`));
  const served = one("Service").at("spec", "ports").list;
  assertEquals(served.map((port) => [port.at("targetPort").text, port.at("port").number]), [
    ["http", 80],
    ["https", 443],
  ]);
  for (const probe of PROBES) assertEquals(container.at(probe, "httpGet", "port").text, "admin");
  assertEquals(environment.EPOLLET_ADMIN, `0.0.0.0:${ports.admin}`);
  const annotations = deployment.at("spec", "template", "metadata", "annotations");
  assertEquals(annotations.at("prometheus.io/port").text, String(ports.admin));
  const [site, admin] = one("NetworkPolicy").at("spec", "ingress").list as [Manifest, Manifest];
  const reachable = site.at("ports").list.map((port) => port.at("port").text);
  assertEquals([site.has("from"), reachable], [false, ["http", "https"]]);
  assertEquals([admin.has("from"), admin.at("ports", 0, "port").text], [true, "admin"]);
});

Deno.test("a pod that ends gets no more requests before it drains, has enough time, and another is ready", () => {
  const seconds = pod.at("terminationGracePeriodSeconds").number;
  const sleep = container.at("lifecycle", "preStop", "sleep", "seconds").number;
  assert(sleep >= 5);
  assert(seconds > sleep + (GRACE_PERIOD_MS + GRACE_MARGIN_MS) / 1000);
  assertEquals(deployment.at("spec", "strategy").value, {
    type: "RollingUpdate",
    rollingUpdate: { maxUnavailable: 0, maxSurge: 1 },
  });
});

Deno.test("the pod is not root, writes nowhere, and has no capabilities", () => {
  const user = /^USER (\d+):(\d+)$/m.exec(DOCKERFILE);
  const security = pod.at("securityContext");
  assertEquals(security.at("runAsNonRoot").value, true);
  assertEquals(
    [security.at("runAsUser").number, security.at("runAsGroup").number],
    [user![1], user![2]].map(Number),
  );
  assertEquals(security.at("seccompProfile", "type").text, "RuntimeDefault");
  assertEquals(container.at("securityContext").value, {
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
  assertEquals(pod.at("automountServiceAccountToken").value, false);
  assertMatch(container.at("image").text, new RegExp(`^epollet:${config.version.replaceAll(".", "\\.")}$`));
});

Deno.test("the secret of a certificate is mounted as a directory where the image looks for one, and may be missing", () => {
  const [, mount] = container.at("volumeMounts").list as [Manifest, Manifest];
  const [, volume] = pod.at("volumes").list as [Manifest, Manifest];
  assertEquals(mount.value, { name: volume.at("name").text, mountPath: "/certs", readOnly: true });
  assertMatch(DOCKERFILE, new RegExp(`\\bEPOLLET_TLS_CERT=${mount.at("mountPath").text}/( |$)`, "m"));
  assertEquals(volume.at("secret", "optional").value, true);
  const [, shown = ""] = /it by:\n#\n([^]*?)\n#\n# A renewed/.exec(TEXT) ?? [];
  const [certificate] = parseAll(shown.replaceAll(/^# {3}/gm, "")).map((document) => new Manifest(document));
  assertEquals(certificate!.at("kind").text, "Certificate");
  assertEquals(certificate!.at("spec", "secretName").text, volume.at("secret", "secretName").text);
});

Deno.test("the settings are where the image looks for them and are valid, and the probes are answered as the kubelet asks", async () => {
  const [mount] = container.at("volumeMounts").list as [Manifest, Manifest];
  const [volume] = pod.at("volumes").list as [Manifest, Manifest];
  assertEquals(mount.at("name").text, volume.at("name").text);
  assertEquals(volume.at("configMap", "name").text, one("ConfigMap").at("metadata", "name").text);
  assertMatch(DOCKERFILE, new RegExp(`^WORKDIR ${mount.at("mountPath").text}$`, "m"));
  // A mounted ConfigMap is a link to a directory that is a link itself.
  using site = new Site({
    "site/index.html": "hello",
    "..1/epollet.json": one("ConfigMap").at("data", "epollet.json").text,
  });
  Deno.symlinkSync("..1", site.path("..data"));
  Deno.symlinkSync("..data/epollet.json", site.path("epollet.json"));
  const { code, stdout, stderr } = await runProgram(["--check"], site.root, {
    ...environment,
    EPOLLET_ROOT: site.path("site"),
  });
  assertEquals([code, stderr], [0, ""]);
  const settings = JSON.parse(stdout) as Record<string, unknown>;
  assertEquals([settings.compress, settings.accessLog, settings.admin], [
    true,
    "json",
    environment.EPOLLET_ADMIN,
  ]);

  const variables = ["EPOLLET_PORT=0", `EPOLLET_ROOT=${site.path("site")}`, "EPOLLET_ADMIN=0.0.0.0:0"];
  const command = ["env", ...variables, ...programCommand([])];
  await using program = await Program.startCommand(command, site.root);
  await program.printed(/Admin at \S+/);
  const port = Number(/Admin at http:\/\/127\.0\.0\.1:(\d+)\//.exec(program.stdout)![1]);
  for (const probe of PROBES) {
    const request = `GET ${
      container.at(probe, "httpGet", "path").text
    } HTTP/1.1\r\nHost: 10.244.1.7:9090\r\nUser-Agent: kube-probe/1.34\r\nConnection: close\r\n\r\n`;
    assertEquals((await exchange(port, request)).status, 200, probe);
  }
});
