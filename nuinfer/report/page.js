// Buttons that copy, and hints where a table goes on to the right; without scripts the page lacks nothing else.
for (const block of document.querySelectorAll("pre.copy")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(block.textContent);
    } catch {
      getSelection().selectAllChildren(block);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  block.before(button);
}
const hint = (box) => box.classList.toggle("more", box.scrollWidth - box.clientWidth - box.scrollLeft > 4);
const watch = new ResizeObserver((changes) => changes.forEach((change) => hint(change.target)));
for (const box of document.querySelectorAll(".scroll")) {
  box.addEventListener("scroll", () => hint(box), { passive: true });
  watch.observe(box);
}
