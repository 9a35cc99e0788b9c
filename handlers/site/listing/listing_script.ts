/**
 * The script of a listing's page. Without it, the form asks the server (`?q=`), and everything else is a link.
 *
 * It filters the entries on the page while the client types. The server is asked, after a pause, when the page does not
 * have all entries that the new text may match: of several pages, or of a filter that it did not extend. The links to
 * another order or view keep what was typed.
 *
 * Keys: the arrows move among the entries, Home and End to the first and the last, `/` to the filter. Enter opens the
 * entry, in the filter the first one that is left. Escape clears the filter, else it goes up, as does Backspace.
 * @module
 */

/** The content of the page's one `<script>`. It must not contain a backquote or `</`. */
export const LISTING_SCRIPT: string = String.raw`
(() => {
  "use strict";
  const box = document.querySelector("input[type=search]");
  const output = document.querySelector("output");
  const up = document.querySelector(".up a");
  const grid = document.querySelector(".grid");
  const items = [...document.querySelectorAll("tbody tr, .grid li")];
  const own = items.filter((item) => !item.classList.contains("up"));
  const hasOtherPages = document.querySelector("[rel=next], [rel=prev]") !== null;
  const fold = (text) => text.normalize("NFD").replace(/[\u0300-\u036f]+/g, "").toLowerCase().trim();
  const names = own.map((item) => fold(item.querySelector("bdi").textContent));
  const asked = box === null ? "" : fold(box.defaultValue);
  let timer = 0;

  const isHere = () => !hasOtherPages && fold(box.value).includes(asked);
  const ask = () => location.replace("./?" + new URLSearchParams(new FormData(box.form)));
  const filter = () => {
    clearTimeout(timer);
    const text = fold(box.value);
    for (const link of document.querySelectorAll("th a, nav[aria-label=View] a")) {
      const url = new URL(link.href);
      url.searchParams.delete("q");
      if (text !== "") url.searchParams.set("q", box.value.trim());
      link.href = url;
    }
    if (text === asked || !isHere()) {
      for (const item of own) item.hidden = false;
      output.value = "";
      if (text !== asked) timer = setTimeout(ask, 400);
      return;
    }
    const words = text.split(/\s+/).filter((word) => word !== "");
    let shown = 0;
    own.forEach((item, i) => {
      item.hidden = !words.every((word) => names[i].includes(word));
      if (!item.hidden) shown++;
    });
    output.value = shown + " of " + own.length;
  };

  const linksOf = (some) => some.filter((item) => !item.hidden).map((item) => item.querySelector("a"));
  const columns = () => {
    if (grid === null) return 1;
    const shown = items.filter((item) => !item.hidden);
    const next = shown.findIndex((item) => item.offsetTop > shown[0].offsetTop);
    return next < 0 ? shown.length : next;
  };
  const stepOf = (key) => ({
    ArrowDown: columns(),
    ArrowUp: -columns(),
    ArrowRight: grid === null ? 0 : 1,
    ArrowLeft: grid === null ? 0 : -1,
    Home: -Infinity,
    End: Infinity,
  })[key] || 0;

  const move = (key) => {
    const links = linksOf(items);
    const at = links.indexOf(document.activeElement);
    const step = stepOf(key);
    if (links.length === 0 || step === 0) return false;
    if (at < 0) {
      if (key !== "ArrowDown" && key !== "ArrowRight") return false;
      (linksOf(own)[0] || links[0]).focus();
      return true;
    }
    if (at === links.length - 1 && step > 0) return false; // the page scrolls on
    if (key === "ArrowUp" && at + step < 0) {
      if (box !== null) box.focus();
      return box !== null;
    }
    links[Math.min(Math.max(at + step, 0), links.length - 1)].focus();
    return true;
  };

  const press = (key, isInBox) => {
    if (key === "/" && !isInBox && box !== null) {
      box.focus();
      box.select();
      return true;
    }
    if (key === "Escape" && box !== null && (box.value !== "" || isInBox)) {
      if (box.value === "") box.blur();
      box.value = "";
      filter();
      return true;
    }
    if (key === "Enter" && isInBox && isHere() && box.value.trim() !== "") {
      const [first] = linksOf(own);
      if (first !== undefined) first.click();
      return true;
    }
    if ((key === "Escape" || key === "Backspace") && !isInBox) {
      if (up !== null) up.click();
      return up !== null;
    }
    return isInBox && key !== "ArrowDown" ? false : move(key);
  };

  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.defaultPrevented) return;
    if (event.shiftKey && key !== "/") return;
    if (press(key, target === box && box !== null)) event.preventDefault();
  });
  if (box === null) return;
  box.addEventListener("input", (event) => event.isComposing || filter());
  box.addEventListener("compositionend", filter);
  box.form.addEventListener("submit", () => clearTimeout(timer));
  if (box.defaultValue !== "") {
    box.focus();
    box.setSelectionRange(box.value.length, box.value.length);
  }
  addEventListener("pageshow", () => isHere() && filter());
})();
`;
