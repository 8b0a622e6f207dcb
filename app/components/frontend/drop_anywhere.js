// Files that are dropped anywhere on the page go to its field for files; where it shows none, Python opens one.

const FIELDS = "input[type=file]";
const FIRST = ".st-key-drop-target";
const OWN_ZONES = "[data-testid=stFileUploaderDropzone]"; // Streamlit's, which take what is dropped on them
const RUNNING = '[data-testid=stApp][data-test-script-state="running"]'; // a field may be replaced by then
const WAIT_MS = 120_000; // for a field to open, beyond which the files are forgotten
const QUIET_MS = 600; // for which a field must have stood there, with nothing running
const MOST_FILES = 200;

const instances = new WeakMap();

export default function ({ data, parentElement, setTriggerValue }) {
  if (!instances.has(parentElement)) instances.set(parentElement, new Drop());
  const drop = instances.get(parentElement);
  drop.ask = (count) => setTriggerValue("wanted", count);
  drop.setText(data.text);
  drop.deliver();
  return () => {
    instances.delete(parentElement);
    drop.destroy();
  };
}

class Drop {
  constructor() {
    this.listening = new AbortController();
    this.overlay = document.createElement("div");
    this.overlay.className = "ngcore-drop";
    this.overlay.setAttribute("role", "status");
    Object.assign(this.overlay.style, {
      position: "fixed",
      inset: "12px",
      zIndex: 1_000_000,
      display: "none",
      placeItems: "center",
      pointerEvents: "none",
      borderRadius: "16px",
      border: "3px dashed currentColor",
      font: "600 1.6rem sans-serif",
      backdropFilter: "blur(3px)",
    });
    document.body.append(this.overlay);
    // Before all others: Streamlit's fields prevent the default of what is dropped beside them, whether taken or not.
    const options = { signal: this.listening.signal, capture: true };
    const listen = (names, act) => {
      for (const name of names.split(" ")) document.addEventListener(name, act, options);
    };
    listen("dragenter dragover", (event) => this.onDrag(event));
    listen("dragleave", (event) => event.relatedTarget === null && this.show(false));
    listen("drop dragend", (event) => this.onDrop(event));
  }

  setText(text) {
    this.overlay.textContent = text;
  }

  destroy() {
    this.listening.abort();
    this.overlay.remove();
    this.watching?.disconnect();
  }

  show(isShown) {
    const app = document.querySelector("[data-testid=stApp]") ?? document.body;
    const { color, backgroundColor } = getComputedStyle(app);
    Object.assign(this.overlay.style, { color, display: isShown ? "grid" : "none" });
    this.overlay.style.background = `color-mix(in srgb, ${backgroundColor} 80%, transparent)`;
  }

  onDrag(event) {
    if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
    const isOwn = event.target.closest?.(OWN_ZONES);
    if (!isOwn) event.preventDefault();
    this.show(!isOwn);
  }

  onDrop(event) {
    this.show(false);
    const files = [...(event.dataTransfer?.files ?? [])].slice(0, MOST_FILES);
    if (!files.length || event.target.closest?.(OWN_ZONES)) return;
    event.preventDefault();
    globalThis.ngcoreDropped = { files, since: Date.now() };
    if (!fieldFor(files)) this.ask(files.length);
    this.deliver();
  }

  // Hand what was dropped to a field, now or as soon as there is one and the page has run.
  deliver() {
    const dropped = globalThis.ngcoreDropped;
    const isOver = !dropped || Date.now() - dropped.since > WAIT_MS;
    const field = isOver ? null : fieldFor(dropped.files);
    if (!isOver && (!field || document.querySelector(RUNNING))) {
      this.quiet = null;
      return this.watch();
    }
    if (!isOver && this.quiet !== field) {
      this.quiet = field; // the next run may follow at once, and replace it
      setTimeout(() => this.deliver(), QUIET_MS);
      return;
    }
    this.quiet = null;
    this.watching?.disconnect();
    delete globalThis.ngcoreDropped;
    if (field) hand(dropped.files, field);
  }

  watch() {
    this.watching ??= new MutationObserver(() => this.deliver());
    this.watching.observe(document.body, {
      childList: true,
      subtree: true,
      attributeFilter: ["data-test-script-state"],
    });
  }
}

function hand(files, field) {
  const transfer = new DataTransfer();
  files.forEach((file) => transfer.items.add(file));
  field.files = transfer.files;
  field.dispatchEvent(new Event("change", { bubbles: true }));
}

// The page's own field for networks, or one that asks for such files by their endings.
function fieldFor(files) {
  const fields = [...document.querySelectorAll(FIELDS)].filter((field) => !field.disabled);
  const ending = `.${files[0].name.split(".").pop().toLowerCase()}`;
  const takes = fields.filter((field) => field.accept.toLowerCase().split(",").includes(ending));
  return takes.find((field) => field.closest(FIRST)) ?? takes[0] ?? fields.find((field) => field.closest(FIRST));
}
