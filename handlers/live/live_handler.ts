/**
 * The static handler for development (`--live`): open pages follow the files.
 *
 * It stands in front of the sites and changes nothing in them. Each URL that is asked for is noted with the files that
 * it depends on; HTML gets a script on its way out; and the script learns of changes by an event stream.
 * @module
 */
import type { Handler, HandlerContext } from "../../server/connection/handler.ts";
import { acceptsHtml } from "../../server/http/fields/negotiation.ts";
import type { HttpRequest } from "../../server/http/request.ts";
import type { HttpResponse } from "../../server/http/response.ts";
import type { Reactor } from "../../server/loop/reactor.ts";
import { checkSiteOptions } from "../site/settings/site_options.ts";
import { watches } from "../site/watch/watches.ts";
import { Sites } from "../site/sites.ts";
import type { StaticHandler, StaticOptions } from "../static.ts";
import { Bell } from "./bell.ts";
import { Changes } from "./changes.ts";
import { Missing } from "./missing.ts";
import { answerOwn, isOwn } from "./own_paths.ts";
import { ownNames } from "./own_names.ts";
import { type Asked, Pages } from "./pages.ts";
import { plainRequest } from "./plain_request.ts";
import { formOf, staysFresh } from "./response_parts.ts";
import { RootWatch } from "./root_watch.ts";
import { Streams } from "./streams.ts";

/** Options of {@linkcode liveHandler}. */
export interface LiveOptions extends StaticOptions {
  /** Receives a line about each resource of an open page that is missing. */
  readonly onMissing?: (line: string) => void;
}

/**
 * Returns a handler that serves files like {@linkcode staticHandler}, for development: pages that are open in a browser
 * follow changes of the files that they used. A style sheet or an image is replaced in place; for any other file the page
 * is loaded again.
 *
 * HTML gets a script on its way out, from the reserved path `/.epollet/`. Without
 * {@linkcode StaticOptions.allowedHosts}, only IP addresses, `localhost` and this machine's own names are answered. The
 * events of changed files need the server's loop, which the server gives to the handler (`attach`).
 * @throws {SystemError | TypeError} as `staticHandler`; a TypeError also for `validate: "off"`.
 */
export function liveHandler(options: LiveOptions): StaticHandler {
  const { onMissing, ...others } = options;
  checkSiteOptions(others);
  if (options.validate === "off") {
    throw new TypeError('With validate "off" no change is noticed, so pages cannot follow it');
  }
  const live = new Live(
    { ...others, allowedHosts: options.allowedHosts ?? ownNames() },
    onMissing ?? (() => {}),
  );
  const handler: Handler = (request, context) => live.handle(request, context);
  return Object.assign(handler, {
    ignoresBodies: false,
    validation: live.sites.validation,
    snapshot: () => live.sites.snapshot(),
    close: () => live.close(),
    attach: (reactor: Reactor) => live.attach(reactor),
  });
}

/** What a browser shows as a page (W3C Fetch Metadata, `Sec-Fetch-Dest`). */
const SHOWN: ReadonlySet<string> = new Set(["document", "iframe", "frame", "embed", "object"]);

/** False for HTML that a script fetches, as a part of its page. Clients that do not tell get the script. */
function isShown(request: HttpRequest): boolean {
  const destination = request.header("sec-fetch-dest");
  return destination === null || SHOWN.has(destination);
}

/** The statuses of responses that conditions and ranges lead to. */
const CONDITIONAL: ReadonlySet<number> = new Set([206, 304, 412, 416]);

/** The sites, and what is known of open pages. */
class Live {
  readonly sites: Sites;
  readonly #changes: Changes;
  readonly #streams = new Streams();
  readonly #pages: Pages;
  readonly #missing: Missing;
  readonly #roots: RootWatch;
  #bell: Bell | null = null;
  /** True when the way to a root may have changed. */
  #isMoved = false;

  constructor(options: StaticOptions, onMissing: (line: string) => void) {
    watches.reportCloses(); // before anything is watched
    this.sites = new Sites(options);
    this.#changes = new Changes(this.sites);
    this.#pages = new Pages(options.onWarning ?? (() => {}));
    this.#missing = new Missing(onMissing);
    const isWatched = this.sites.validation === "inotify";
    const roots = [options.root, ...Array.from(options.hosts?.values() ?? [], ({ root }) => root)];
    const paths = isWatched ? roots.filter((root) => typeof root === "string") : [];
    this.#roots = new RootWatch([...new Set(paths)], () => {
      this.#isMoved = true;
      this.#bell?.ring();
    });
    this.#changes.onTouched = () => this.#bell?.ring();
    this.#changes.onNews = () => this.#streams.tell(this.#changes.events);
  }

  /** Follows the events of files in the loop of `reactor`. */
  attach(reactor: Reactor): void {
    this.#bell?.close();
    this.#bell = new Bell(reactor, () => this.#settle());
  }

  #settle(): number {
    if (this.#isMoved) {
      this.#isMoved = false;
      this.sites.lookAtRoots();
      this.#roots.watch();
    }
    return this.#changes.settle();
  }

  handle(request: HttpRequest, context: HandlerContext): HttpResponse | Promise<HttpResponse> {
    const { authority, method, path } = request;
    if (!this.sites.accepts(authority)) return this.sites.handle(request, context);
    if (isOwn(request)) {
      return answerOwn(request, context, {
        changes: this.#changes,
        streams: this.#streams,
        isAttached: this.#bell !== null,
      });
    }
    if (method !== "GET" && method !== "HEAD") return this.sites.handle(request, context);
    watches.drain(context.turn);
    this.#changes.settle(); // what has changed before the response is no change for the page
    const url = this.#changes.note(authority, path);
    const { state } = this.#changes;
    const answer = (response: HttpResponse) => {
      url.isFresh = staysFresh(response);
      return this.#answer(response, { request, context, state, keys: this.#changes.keysOf(url) });
    };
    const response = this.sites.handle(request, context);
    return response instanceof Promise ? response.then(answer) : answer(response);
  }

  #answer(response: HttpResponse, asked: Asked): HttpResponse | Promise<HttpResponse> {
    const { request, context } = asked;
    const form = formOf(response);
    if (response.status === 404) this.#missing.add(request);
    if (!isShown(request)) return response;
    if (form === "page") return this.#show(response, asked);
    if (form === "text" && response.status >= 400 && acceptsHtml(request.header("accept"))) {
      return this.#pages.dressError(response, asked);
    }
    const isPart = request.isConditional && CONDITIONAL.has(response.status);
    if (!isPart && form !== "compressed page") return response;
    // What the site has chosen holds for a page without the script. So it is asked for the whole page.
    const choose = (whole: HttpResponse) => {
      const isPage = formOf(whole) === "page";
      if (whole !== response) (isPage ? response : whole).discard();
      return isPage ? this.#show(whole, asked) : response;
    };
    const whole = this.sites.handle(plainRequest(request), context);
    return whole instanceof Promise ? whole.then(choose) : choose(whole);
  }

  #show(page: HttpResponse, asked: Asked): HttpResponse {
    if (page.status === 200) this.#missing.loads(asked.request);
    return this.#pages.dress(page, asked);
  }

  close(): void {
    this.#bell?.close();
    this.#streams.close();
    this.#changes.close();
    this.#roots.close();
    this.sites.close();
  }
}
