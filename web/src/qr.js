// A QR code as SVG; loaded when something is shared for the first time.
import { generate } from "lean-qr";

const SVG = "http://www.w3.org/2000/svg";
// The quiet zone: without it a camera does not find the code.
const MARGIN = 4;

/** @param {string} words @returns {SVGSVGElement} */
export function qrCode(words) {
  const code = generate(words);
  const side = code.size + 2 * MARGIN;
  let path = "";
  for (let y = 0; y < code.size; y += 1) {
    for (let x = 0; x < code.size; x += 1) if (code.get(x, y)) path += `M${x + MARGIN} ${y + MARGIN}h1v1h-1z`;
  }
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${side} ${side}`);
  svg.setAttribute("shape-rendering", "crispEdges");
  const modules = document.createElementNS(SVG, "path");
  modules.setAttribute("d", path);
  svg.append(modules);
  return svg;
}
