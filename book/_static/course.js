// What a keyboard or a screen reader needs beyond the theme's own markup. No page depends on it.

// A box that scrolls must be reachable by keyboard, or its hidden part cannot be read. The theme sees to code and
// outputs; formulas, tables and figures are left to us.
const BOXES =
  "article mjx-container[display='true'], article .pst-scrollable-table-container, article figure.course-figure";

function openScrollingBoxes() {
  for (const box of document.querySelectorAll(BOXES)) {
    if (box.scrollWidth > box.clientWidth) {
      box.tabIndex = 0;
    } else {
      box.removeAttribute("tabindex");
    }
  }
}

// Docutils calls the bibliography a list, but its entries have another role: a role that does not fit is worse than none.
function correctRoles() {
  for (const list of document.querySelectorAll(".citation-list[role='list']")) {
    list.removeAttribute("role");
  }
}

async function start() {
  correctRoles();
  await window.MathJax?.startup?.promise;
  openScrollingBoxes();
  window.addEventListener("resize", openScrollingBoxes);
  document.addEventListener("toggle", openScrollingBoxes, true);
}

window.addEventListener("load", start);
