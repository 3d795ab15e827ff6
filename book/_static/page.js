/* Repairs what the theme leaves undone for keyboards and screen readers. */

// Boxes that scroll sideways when the window is narrow.
const SCROLLING = ".scroll-box, .bd-article pre, .bd-article .cell_output, mjx-container[display]";

/** Put each table into a box of its own, so that a wide one scrolls there and not the page. */
function boxTables() {
  for (const table of document.querySelectorAll(".bd-article table")) {
    if (table.parentElement.closest("table, .scroll-box")) continue;
    const box = document.createElement("div");
    box.className = "scroll-box";
    const caption = table.querySelector("caption");
    box.dataset.name = caption ? caption.textContent.trim() : "Table";
    table.replaceWith(box);
    box.append(table);
  }
}

/** Let the keyboard reach what scrolls, and only while it does. */
function focusScrolling() {
  for (const box of document.querySelectorAll(SCROLLING)) {
    const scrolls = box.scrollWidth > box.clientWidth + 1;
    if (scrolls && !box.hasAttribute("tabindex")) {
      box.tabIndex = 0;
      box.dataset.focus = "ours";
    } else if (!scrolls && box.dataset.focus === "ours") {
      box.removeAttribute("tabindex");
      delete box.dataset.focus;
    }
    if (box.dataset.name) {
      // A name needs a role that may carry it; a table that fits needs neither.
      if (scrolls) {
        box.setAttribute("role", "group");
        box.setAttribute("aria-label", box.dataset.name);
      } else {
        box.removeAttribute("role");
        box.removeAttribute("aria-label");
      }
    }
  }
}

/** Give the logo a landmark to stand in. */
function nameLogo() {
  const logo = document.querySelector(".bd-sidebar-primary .navbar-brand");
  if (!logo) return;
  const place = logo.parentElement;
  place.setAttribute("role", "navigation");
  place.setAttribute("aria-label", "Title page");
}

/** Let what a button is called and what stands on it be the same. */
function nameButtons() {
  for (const button of document.querySelectorAll(".search-button-field, details.hide > summary")) {
    button.removeAttribute("aria-label");
  }
  for (const button of document.querySelectorAll(".theme-switch-button")) {
    const hushIcons = () => {
      for (const icon of button.children) {
        icon.ariaHidden = "true";
        for (const name of ["title", "role", "aria-labelledby"]) icon.removeAttribute(name);
        icon.querySelector("title")?.remove();
      }
    };
    hushIcons();
    // Some time after this, each icon becomes a drawing with a title of its own.
    new MutationObserver(hushIcons).observe(button, { childList: true });
  }
}

document.addEventListener("DOMContentLoaded", () => {
  nameLogo();
  nameButtons();
  boxTables();
  focusScrolling();
  window.addEventListener("resize", focusScrolling);
  window.MathJax?.startup?.promise?.then(focusScrolling);
});
window.addEventListener("load", focusScrolling);
