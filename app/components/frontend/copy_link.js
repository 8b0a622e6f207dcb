// Copies the address of the page, which holds its whole view.

const SHOWN_MS = 4000;

export default function ({ parentElement }) {
  const button = parentElement.querySelector(".copy-link button");
  const status = parentElement.querySelector(".copy-link span");
  let timer;
  button.onclick = async () => {
    status.textContent = (await copy(window.location.href)) ? "Copied" : "Copy it from the address bar";
    clearTimeout(timer);
    timer = setTimeout(() => (status.textContent = ""), SHOWN_MS);
  };
  return () => clearTimeout(timer);
}

// Browsers open the clipboard to pages of this machine and of https alone; elsewhere a selected text is copied.
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement("textarea");
    field.value = text;
    field.style.position = "fixed";
    field.style.opacity = "0";
    document.body.append(field);
    field.select();
    const isCopied = document.execCommand("copy");
    field.remove();
    return isCopied;
  }
}
