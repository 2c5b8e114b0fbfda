document.querySelectorAll("table.sorts th").forEach(function (head) {
  head.tabIndex = 0;
  head.title = "sort by this column";
  function sort() {
    var table = head.closest("table"), body = table.tBodies[0];
    var down = head.getAttribute("aria-sort") !== "descending";
    table.querySelectorAll("th").forEach(function (other) { other.removeAttribute("aria-sort"); });
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    function key(row) {
      var cell = row.cells[head.cellIndex], value = cell.dataset.value;
      return value === undefined ? cell.textContent : value === "" ? -Infinity : Number(value);
    }
    Array.from(body.rows).sort(function (a, b) {
      var x = key(a), y = key(b), order = x < y ? -1 : x > y ? 1 : 0;
      return down ? -order : order;
    }).forEach(function (row) { body.appendChild(row); });
  }
  head.addEventListener("click", sort);
  head.addEventListener("keydown", function (event) { if (event.key === "Enter") { sort(); } });
});
