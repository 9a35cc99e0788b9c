/**
 * The part of the script of `--live` that replaces style sheets and images in a page.
 *
 * An element gets a URL with another query, since a browser shows what it has in memory under the same one. A style sheet
 * is replaced by a copy of its element, which takes its place once it has loaded, so that the page is never without style.
 * An imported style sheet is loaded anew with the one that imports it.
 * @module
 */

/** Declarations of the script, which uses `urlOf`, `pathOf` and `eachSheet`. */
export const CLIENT_SWAPS: string = String.raw`
  const marked = (text, mark, base) => {
    const url = urlOf(text, base);
    url.searchParams.set("live", mark);
    return url.href;
  };
  // By a new element, those whose place it takes once it has loaded.
  const replaced = new WeakMap();
  const leaving = new Set();
  const swapStyle = (path, mark) => {
    const owners = new Set();
    for (const link of document.querySelectorAll("link[rel~=stylesheet i]")) {
      if (pathOf(link.href) === path) owners.add(link);
    }
    for (const sheet of document.styleSheets) {
      eachSheet([sheet], (one) => {
        let rules = [];
        try { rules = one.cssRules; } catch { /* of another origin */ }
        const imports = [...rules].some(({ href }) => href && pathOf(href, one.href) === path);
        if (pathOf(one.href) === path || imports) owners.add(sheet.ownerNode);
      });
    }
    for (const owner of owners) {
      if (!owner || leaving.has(owner)) continue;
      const next = owner.cloneNode(true);
      const isLink = owner.localName === "link";
      const others = [owner, ...replaced.get(owner) || []];
      replaced.set(next, others);
      leaving.add(owner);
      const end = () => {
        for (const other of others) {
          other.remove();
          leaving.delete(other);
        }
      };
      if (isLink) {
        next.href = marked(owner.href, mark);
        next.disabled = owner.disabled;
        next.onload = next.onerror = end;
      }
      owner.after(next);
      if (!isLink) end();
    }
    return owners.size > 0;
  };

  const swapImage = (path, mark) => {
    let count = 0;
    const swap = (text, base) => {
      if (pathOf(text, base) !== path) return text;
      count++;
      return marked(text, mark, base);
    };
    const swapUrls = (text, base) =>
      text.replace(/url\(\s*(?:"([^"]*)"|'([^']*)'|([^"')\s]+))\s*\)/g, (whole, a, b, c) => {
        const url = a ?? b ?? c;
        const next = swap(url, base);
        return next === url ? whole : 'url("' + next + '")';
      });
    const swapDeclarations = (style, base) => {
      for (const name of [...style]) {
        const value = style.getPropertyValue(name);
        if (!value.includes("url(")) continue;
        const next = swapUrls(value, base);
        if (next !== value) style.setProperty(name, next, style.getPropertyPriority(name));
      }
    };
    const swapRules = (rules, base) => {
      for (const rule of rules) {
        if (rule.style && rule.constructor.name !== "CSSFontFaceRule") swapDeclarations(rule.style, base);
        if (rule.cssRules && !rule.styleSheet) swapRules(rule.cssRules, base);
      }
    };
    const IMAGES = "img[src],img[srcset],source[src],source[srcset],input[type=image i],link[rel~=icon i],video[poster],image";
    for (const element of document.querySelectorAll(IMAGES)) {
      if (element.localName === "source" && element.parentNode.localName !== "picture") continue;
      for (const name of ["src", "href", "poster", "xlink:href"]) {
        const value = element.getAttribute(name);
        const next = value && swap(value);
        if (next !== value) element.setAttribute(name, next);
      }
      const set = element.getAttribute("srcset");
      if (!set) continue;
      const next = set.replace(/(^|,\s*|,)([^\s,]\S*[^\s,])/g, (_, before, url) => before + swap(url));
      if (next !== set) element.setAttribute("srcset", next);
    }
    for (const element of document.querySelectorAll("[style*='url(']")) swapDeclarations(element.style);
    eachSheet([...document.styleSheets, ...document.adoptedStyleSheets || []], (sheet) => {
      try { swapRules(sheet.cssRules, sheet.href || document.baseURI); } catch { /* of another origin */ }
    });
    return count > 0;
  };

`;
