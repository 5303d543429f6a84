import type * as PlotLibrary from '@observablehq/plot';

/** Colours and type of all pictures. */
export const STYLE = {
  font: "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif",
  ink: '#1f2937',
  quiet: '#6b7280',
  faint: '#e5e7eb',
  training: '#2563eb',
  validation: '#ea580c',
} as const;

/** The plotting library, and a document to draw in where there is no browser. */
export interface Canvas {
  readonly Plot: typeof PlotLibrary;
  readonly document: Document;
}

/** Loads what pictures are drawn with. It takes longer than training starts, so only those who want pictures wait for it. */
export async function newCanvas(): Promise<Canvas> {
  const [Plot, { parseHTML }] = await Promise.all([import('@observablehq/plot'), import('linkedom')]);
  return { Plot, document: parseHTML('<!doctype html><html><body></body></html>').document };
}

/** A picture placed at a point of a larger one. */
export interface Panel {
  readonly svg: Element;
  readonly x: number;
  readonly y: number;
}

/** One SVG document: a white page with a title, a line below it, and panels. */
export function page(options: {
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly subtitle: string;
  readonly panels: readonly Panel[];
}): string {
  const { width, height, title, subtitle, panels } = options;
  const drawn = panels.map(({ svg, x, y }) => {
    svg.setAttribute('x', String(x));
    svg.setAttribute('y', String(y));
    return svg.outerHTML;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="${STYLE.font}">`,
    `<title>${escapeText(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    `<text x="20" y="30" font-size="17" font-weight="bold" fill="${STYLE.ink}">${escapeText(title)}</text>`,
    `<text x="20" y="50" font-size="12.5" fill="${STYLE.quiet}">${escapeText(subtitle)}</text>`,
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
