/**
 * Names the poller to the page that is served by default, which shows it.
 *
 * Source: Server Timing, https://www.w3.org/TR/server-timing/.
 * @module
 */
import type { SiteSettings } from "../../handlers/site/settings/site_settings.ts";
import type { PollerName } from "../../server/loop/poller.ts";
import { DEFAULT_POLLER } from "../../server/loop/pollers/mod.ts";

/** The URLs of a home page. No other response has the field. */
const HOME = "/{,index.html}";

/**
 * Returns `site` with a field that names `poller` on its home page, unless it is the default. A rule of the site's own
 * counts more. The field is part of a head that is made once, so no request takes longer for it.
 */
export function withPoller(site: SiteSettings, poller: PollerName): SiteSettings {
  if (poller === DEFAULT_POLLER) return site;
  const fields = [["Server-Timing", `poller;desc="${poller}"`]] as const;
  return { ...site, headers: [{ source: HOME, fields }, ...site.headers] };
}
