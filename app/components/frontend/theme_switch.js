// Turns the page from light to dark and back by the choice in Streamlit's menu, which has no other door to it.

const MENU = '[data-testid="stMainMenuButton"]';
const item = (name) => `[data-testid="stMainMenuItem-theme-${name}"]`;
const UNSEEN = '[data-testid="stMainMenuPopover"] { visibility: hidden; }';
const PATIENCE_MS = 2000;

export default function ({ parentElement, data }) {
  const button = parentElement.querySelector(".theme-switch button");
  const isDark = getComputedStyle(document.querySelector(".stApp")).colorScheme === "dark";
  const next = isDark ? "Light" : "Dark";
  button.textContent = `${next} theme`;
  button.hidden = false;
  button.onclick = async () => {
    await choose(next);
    rememberOn(["", ...data.pages], next);
  };
}

// Opens the menu unseen, chooses, and closes it; a menu without that choice stays open for the user.
async function choose(name) {
  const style = document.head.appendChild(document.createElement("style"));
  style.textContent = UNSEEN;
  document.querySelector(MENU)?.click();
  const isThere = () => document.querySelector(item(name)) !== null;
  if (await until(isThere)) {
    document.querySelector(item(name)).click();
    document.querySelector(`${MENU}[aria-expanded="true"]`)?.click();
    await until(() => !isThere());
  }
  style.remove();
}

async function until(isSo) {
  const end = performance.now() + PATIENCE_MS;
  while (!isSo() && performance.now() < end) await new Promise(requestAnimationFrame);
  return isSo();
}

// Streamlit keeps the choice under the address that was loaded first; a reload of any page should find it.
function rememberOn(pages, name) {
  const [, version] = Object.keys(localStorage).map((key) => key.match(/^stActiveTheme-.*-(v\d+)$/)).find(Boolean) ?? [];
  if (!version) return;
  const folder = location.pathname.replace(/[^/]*$/, "");
  for (const page of pages) localStorage.setItem(`stActiveTheme-${folder}${page}-${version}`, JSON.stringify(name));
}
