"use strict";

// Asks the server for this page a few times, one request after the other, and shows how long that took.
// Everything else on the page works without this file.

const ROUND_TRIPS = 20;

const element = (id) => document.getElementById(id);
const show = (ms) => `${ms.toFixed(1)} ms`;

/** One round trip: the milliseconds up to the last byte, and the response. */
async function roundTrip() {
  const start = performance.now();
  const response = await fetch(location.pathname, { cache: "no-store" });
  await response.arrayBuffer();
  return { ms: performance.now() - start, response };
}

function median(sorted) {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** The status line and the fields, as far as a browser lets a page see them. */
function describe(response) {
  const lines = [`${response.status} ${response.statusText}`];
  response.headers.forEach((value, name) => lines.push(`${name}: ${value}`));
  return lines.join("\n");
}

function report(times, response) {
  const sorted = [...times].sort((a, b) => a - b);
  const slowest = sorted[sorted.length - 1];
  element("median").textContent = show(median(sorted));
  element("fastest").textContent = show(sorted[0]);
  element("slowest").textContent = show(slowest);
  element("connection").textContent = response.headers.get("connection") === "close" ? "closed" : "kept alive";
  element("headers").textContent = describe(response);
  element("bars").replaceChildren(...times.map((ms) => {
    const bar = document.createElement("i");
    bar.style.height = `${slowest > 0 ? 100 * ms / slowest : 0}%`;
    return bar;
  }));
  element("result").hidden = false;
}

async function measure() {
  const button = element("again");
  const status = element("status");
  button.disabled = true;
  status.textContent = "Measuring …";
  try {
    const times = [];
    let last;
    while (times.length < ROUND_TRIPS) {
      const { ms, response } = await roundTrip();
      times.push(ms);
      last = response;
    }
    report(times, last);
    status.textContent = `${times.length} round trips done.`;
  } catch {
    status.textContent = "The server did not answer. Is it still running?";
  } finally {
    button.disabled = false;
  }
}

/** Leaves on <html> what shows that the style sheet and the images have arrived, for whoever looks at the DOM. */
function noteWhatArrived() {
  const { dataset } = document.documentElement;
  dataset.colorScheme = getComputedStyle(document.documentElement).colorScheme;
  dataset.imageWidths = [...document.images].map((image) => image.naturalWidth).join(" ");
}

element("trial").hidden = false;
element("again").addEventListener("click", measure);
addEventListener("load", () => {
  noteWhatArrived();
  measure();
});
