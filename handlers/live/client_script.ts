/**
 * The script of `--live`, which runs in pages.
 *
 * It knows what the page has used from the browser's list of loaded resources, and asks the server which of that has
 * changed: after each event of the stream, when the page is shown again, and after the server was away. Before it acts, it
 * loads what has changed past the browser's cache, and asks again, until nothing was written between two answers. So a
 * burst of changes is one reload, which comes as soon as the burst is over.
 *
 * One page of the browser has the stream, and tells the others; a page that is hidden has none. So pages do not use up
 * the six connections that a browser makes to a server.
 * @module
 */

import { CLIENT_SWAPS } from "./client_swaps.ts";

/** The script, as it is sent: without comments and indentation. */
export const CLIENT_SCRIPT: string = compact(String.raw`// epollet --live: this page follows its files.
(() => {
  "use strict";
  const OWN = location.origin + "/.epollet/", KEY = "__epollet_live__", PATIENCE_MS = 2000, POLL_MS = 1000;
  const script = document.currentScript;
  if (!script || window[KEY] || self.origin !== location.origin) return; // in a frame without an origin nothing is allowed
  const first = script.dataset.state, keys = (script.dataset.keys || "").split(" ").filter(Boolean);
  script.remove();

  const urlOf = (text, base) => {
    try { return new URL(text, base || document.baseURI); } catch { return null; }
  };
  const pathOf = (text, base) => {
    const url = text ? urlOf(text, base) : null;
    return url && url.origin === location.origin && /^http/.test(url.protocol) ? url.pathname : null;
  };

  // What the page has used: its URLs by their paths, and when each path was first loaded.
  const LINKS = "link[rel~=stylesheet i],link[rel~=icon i],link[rel~=preload i],link[rel~=modulepreload i]";
  const eachSheet = (sheets, visit, seen = new Set()) => {
    for (const sheet of sheets) {
      if (!sheet || seen.has(sheet)) continue;
      seen.add(sheet);
      visit(sheet);
      let rules = [];
      try { rules = sheet.cssRules; } catch { /* of another origin */ }
      eachSheet([...rules].map((rule) => rule.styleSheet), visit, seen);
    }
  };
  const loads = new Map();
  const noteIn = (paths, text, startMs, base) => {
    const path = pathOf(text, base);
    if (path === null || path.startsWith("/.epollet/")) return;
    const known = paths.get(path);
    if (!known) paths.set(path, { startMs, urls: new Set([urlOf(text, base).href]) });
    else known.urls.add(urlOf(text, base).href);
  };
  const noteLoads = (entries) => {
    for (const { name, startTime } of entries) noteIn(loads, name, startTime);
  };
  const observer = new PerformanceObserver((list) => noteLoads(list.getEntries()));
  observer.observe({ type: "resource", buffered: true });
  const used = () => {
    noteLoads(observer.takeRecords());
    const paths = new Map(loads);
    const add = (text, startMs = performance.now(), base) => noteIn(paths, text, startMs, base);
    add(location.href, 0);
    for (const { href } of document.querySelectorAll(LINKS)) add(href);
    for (const { currentSrc, src } of document.querySelectorAll("script[src],img,iframe[src],video,audio")) add(currentSrc || src);
    eachSheet(document.styleSheets, (sheet) => {
      add(sheet.href);
      let rules = [];
      try { rules = sheet.cssRules; } catch { /* of another origin */ }
      for (const rule of rules) if (rule.href) add(rule.href, 0, sheet.href);
    });
    return paths;
  };

  // What the server says of each path. Before that, what counts is the last change when the path was loaded.
  const tokens = new Map();
  const states = [[0, first]];
  const baselineOf = (path, startMs) =>
    tokens.get(path) || states.findLast(([ms]) => ms <= startMs)?.[1] || first;
  const ask = async () => {
    const paths = used();
    const askedMs = performance.now();
    const names = [...paths.keys()];
    const response = await fetch(OWN + "changes", {
      method: "POST",
      cache: "no-store",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ keys, paths: names, baselines: names.map((path) => baselineOf(path, paths.get(path).startMs)) }),
    });
    if (!response.ok) {
      console.warn("epollet --live: the server does not tell what has changed: " + await response.text());
      throw new Error(String(response.status));
    }
    const reply = await response.json();
    const named = (list = []) => list.map((i) => names[i]);
    return { ...reply, paths, names, askedMs, changed: named(reply.changed), fresh: named(reply.fresh) };
  };
  const accept = ({ names, tokens: said, state, askedMs }) => {
    names.forEach((path, i) => said[i] && tokens.set(path, said[i]));
    states.push([askedMs, state]);
    if (states.length > 50) states.splice(1, 1);
  };

  // One check at a time: from a question to the moment when nothing more is being written. "events" is the number of
  // events of files when the server sent its event; null for a check of the page's own accord.
  let isBusy = false, latest, pollTimer = 0;
  const check = async (events = null) => {
    latest = { events };
    if (isBusy) return;
    isBusy = true;
    try {
      while (latest) await round();
    } catch { /* the server is away; the stream notices when it is back */ }
    latest = null;
    isBusy = false;
  };
  const round = async () => {
    const loaded = new Map();
    const endMs = performance.now() + PATIENCE_MS;
    for (let { events } = latest;;) {
      latest = null;
      const reply = await ask();
      if (!reply.isComplete) return; // a file is being written: an event follows
      clearTimeout(pollTimer);
      if (reply.isPolled && isShown()) pollTimer = setTimeout(() => check(), POLL_MS);
      if (reply.changed.length === 0) return accept(reply);
      const isQuiet = events === reply.events;
      if (await load(reply, loaded) === 0 && isQuiet || performance.now() > endMs) {
        accept(reply);
        return apply(reply);
      }
      events = reply.events;
    }
  };
  // Loads what has changed past the browser's cache, where that would take its copy for fresh. Returns how much it was.
  const load = async ({ changed, fresh, names, tokens: said, paths }, loaded) => {
    const stale = changed.filter((path) => fresh.includes(path) && loaded.get(path) !== said[names.indexOf(path)]);
    await Promise.all(stale.slice(0, 64).flatMap((path) => {
      loaded.set(path, said[names.indexOf(path)]);
      return [...paths.get(path).urls].map(async (url) => {
        try {
          const response = await fetch(url, { cache: "reload" });
          if (Number(response.headers.get("content-length")) > 4e6) return response.body?.cancel();
          await response.blob();
        } catch { /* the page gets the error */ }
      });
    }));
    return stale.length;
  };

  const apply = ({ changed, state }) => {
    const mark = state.replace(/\W/g, "");
    if (changed.includes(location.pathname)) return location.reload();
    for (const path of changed) {
      if (isFrame(path)) continue; // the page in the frame follows its files itself
      const isSwapped = swapStyle(path, mark);
      if (!swapImage(path, mark) && !isSwapped) return location.reload();
    }
  };
  const isFrame = (path) =>
    [...document.querySelectorAll("iframe,frame")].some((frame) => {
      try {
        const { location, [KEY]: own } = frame.contentWindow;
        return Boolean(own) && location.pathname === path;
      } catch { return false; }
    });

${CLIENT_SWAPS}  // The stream. A page in a frame has that of the page around it.
  const members = new Set();
  const tell = (events) => {
    if (!isShown()) return; // it catches up when it is shown
    check(events);
    for (const member of members) member(events);
  };
  let source = null, retryTimer = 0, retryMs = 250;
  const open = () => {
    source = new EventSource(OWN + "events");
    source.onopen = () => retryMs = 250;
    source.onmessage = ({ data }) => {
      tell(Number(data));
      channel?.postMessage(Number(data));
    };
    source.onerror = () => {
      close();
      retryLater();
    };
  };
  const retryLater = () => {
    retryTimer = setTimeout(retry, retryMs);
    retryMs = Math.min(retryMs * 1.5, 3000);
  };
  const close = () => {
    clearTimeout(retryTimer);
    source?.close();
    source = null;
  };
  const retry = async () => {
    try {
      const { ok, status } = await fetch(OWN + "live.js", { method: "HEAD", cache: "no-store" });
      if (!isLeading) return;
      if (ok) return open();
      if (status < 500) return; // a server without --live: no more is asked of it
    } catch { /* no server */ }
    if (isLeading) retryLater();
  };

  const isShown = () => document.visibilityState === "visible";
  const channel = window.BroadcastChannel && new BroadcastChannel("epollet-live");
  let isLeading = false, isFollowing = false, waiting = null, giveUp = null;
  const lead = () => {
    isLeading = true;
    open();
  };
  const start = () => {
    if (isFollowing || !isShown()) return;
    isFollowing = true;
    if (document.readyState === "complete") tell();
    if (!navigator.locks) return lead(); // not with http to another machine
    waiting = new AbortController();
    navigator.locks.request("epollet-live", { signal: waiting.signal }, () => {
      lead();
      return new Promise((resolve) => giveUp = resolve);
    }).catch(() => {});
  };
  const stop = () => {
    isFollowing = isLeading = false;
    clearTimeout(pollTimer);
    close();
    waiting?.abort();
    giveUp?.();
    waiting = giveUp = null;
  };

  let above = null;
  try { above = parent !== window && parent[KEY] || null; } catch { /* of another origin */ }
  window[KEY] = { join: (member) => (members.add(member), () => members.delete(member)) };
  if (above) {
    const leave = above.join(check);
    addEventListener("pagehide", leave);
    addEventListener("pageshow", ({ persisted }) => persisted && (above.join(check), check()));
  } else {
    if (channel) channel.onmessage = ({ data }) => tell(data);
    document.addEventListener("visibilitychange", () => isShown() ? start() : stop());
    addEventListener("pagehide", stop);
    addEventListener("pageshow", start);
    start();
  }
  if (document.readyState === "complete") check();
  else addEventListener("load", () => check());
})();
`);

/** Returns `script` without lines of comments, and without the spaces at the beginnings of lines. */
function compact(script: string): string {
  const lines = script.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "" && !line.startsWith("// ")).join("\n") + "\n";
}
