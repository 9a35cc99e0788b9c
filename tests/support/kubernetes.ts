/**
 * Kubernetes' own schemas. They find the mistakes in a manifest that the API server would find with strict field
 * validation.
 * @module
 */
import { assert } from "@std/assert";
import { importPackage } from "./packages.ts";

/** A function that Ajv made of a schema. */
interface Validate {
  (value: unknown): boolean;
  errors?: readonly { readonly instancePath: string; readonly message?: string; readonly keyword: string }[];
}

/** The names of Kubernetes' schemas, by version and kind. */
const SCHEMAS = {
  "v1 ConfigMap": "IoK8sApiCoreV1ConfigMap",
  "v1 Service": "IoK8sApiCoreV1Service",
  "apps/v1 Deployment": "IoK8sApiAppsV1Deployment",
  "autoscaling/v2 HorizontalPodAutoscaler": "IoK8sApiAutoscalingV2HorizontalPodAutoscaler",
  "networking.k8s.io/v1 NetworkPolicy": "IoK8sApiNetworkingV1NetworkPolicy",
  "policy/v1 PodDisruptionBudget": "IoK8sApiPolicyV1PodDisruptionBudget",
} as const;

const VALIDATORS: Readonly<Record<string, Validate>> = Object.fromEntries(
  await Promise.all(
    Object.entries(SCHEMAS).map(async ([kind, schema]) => {
      const { validate } = await importPackage<{ validate: Validate }>(
        "kubernetes-models",
        `/_schemas/${schema}`,
      );
      return [kind, validate] as const;
    }),
  ),
);

/** A value of a manifest, with access to the values in it. */
export class Manifest {
  readonly #value: unknown;
  readonly #path: string;

  constructor(value: unknown, path = "") {
    this.#value = value;
    this.#path = path;
  }

  /** Returns the value at `keys`. @throws {AssertionError} when it is missing */
  at(...keys: readonly (string | number)[]): Manifest {
    let value = this.#value;
    for (const [i, key] of keys.entries()) {
      const path = `${this.#path}/${keys.slice(0, i + 1).join("/")}`;
      assert(typeof value === "object" && value !== null && Object.hasOwn(value, key), `there is no ${path}`);
      value = (value as Readonly<Record<string | number, unknown>>)[key];
    }
    return new Manifest(value, [this.#path, ...keys].join("/"));
  }

  /** The plain value. */
  get value(): unknown {
    return this.#value;
  }

  get text(): string {
    assert(typeof this.#value === "string", `${this.#path} is no text`);
    return this.#value;
  }

  get number(): number {
    assert(typeof this.#value === "number", `${this.#path} is no number`);
    return this.#value;
  }

  get list(): Manifest[] {
    assert(Array.isArray(this.#value), `${this.#path} is no list`);
    return this.#value.map((value, i) => new Manifest(value, `${this.#path}/${i}`));
  }

  has(key: string): boolean {
    return typeof this.#value === "object" && this.#value !== null && Object.hasOwn(this.#value, key);
  }

  /** The mistakes that Kubernetes' schema finds, and the fields that it does not know, one line each. */
  get mistakes(): string[] {
    const kind = `${this.at("apiVersion").text} ${this.at("kind").text}`;
    const validate = VALIDATORS[kind];
    if (validate === undefined) return [`no such kind: ${kind}`];
    const known = new Set<string>();
    const isValid = validate(watched(this.#value, "", known));
    const errors = isValid ? [] : validate.errors ?? [];
    const wrong = errors.map(({ instancePath, keyword }) => `${kind} ${instancePath}: ${keyword}`);
    return [...wrong, ...unknownTo(known, this.#value, "").map((path) => `${kind} ${path}: unknown`)];
  }
}

/**
 * Returns `value`, and adds each field that is read to `asked`. The schemas allow unknown fields, but never read
 * them.
 */
function watched(value: unknown, path: string, asked: Set<string>): unknown {
  if (typeof value !== "object" || value === null) return value;
  return new Proxy(value, {
    get(target, key) {
      const below = `${path}/${String(key)}`;
      if (typeof key === "string") asked.add(below);
      return watched(Reflect.get(target, key), below, asked);
    },
  });
}

/** Returns the outermost fields of `value` that are not in `known`. */
function unknownTo(known: ReadonlySet<string>, value: unknown, path: string): string[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, field]) => {
    const below = `${path}/${key}`;
    return known.has(below) ? unknownTo(known, field, below) : [below];
  });
}
