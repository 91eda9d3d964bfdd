/**
 * Buttons that copy a text. Without scripts they are hidden, and the text can be downloaded or selected.
 */

/** Show the buttons and let them work. */
export function offerCopies() {
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const said = document.getElementById("copied");
  try {
    await navigator.clipboard.writeText(source.textContent);
    said.textContent = "Copied.";
  } catch {
    // Browsers hide the clipboard from pages without TLS on other hosts: the reader copies it by hand.
    source.closest("details")?.setAttribute("open", "");
    getSelection().selectAllChildren(source);
    said.textContent = "The browser does not let this page copy. It is selected: press Ctrl+C or ⌘C.";
  }
}
