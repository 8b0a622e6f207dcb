// Elements of a page whose texts come from strangers: nothing of them is read as HTML.

export function copyable(path) {
  const row = element("div", "path");
  row.append(element("code", "", path));
  const copy = button("Copy", async () => {
    try {
      await navigator.clipboard.writeText(path);
    } catch {
      const range = document.createRange();
      range.selectNodeContents(row.querySelector("code"));
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      copy.textContent = "Press Ctrl+C";
      return;
    }
    copy.textContent = "Copied";
  });
  row.append(copy);
  return row;
}

export function element(name, className = "", text = "") {
  const found = document.createElement(name);
  found.className = className;
  found.textContent = text;
  return found;
}

export function button(text, act) {
  const found = element("button", "", text);
  found.type = "button";
  found.onclick = act;
  return found;
}
