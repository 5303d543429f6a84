import { ArgumentError } from '../core/errors.js';

export interface PngOptions {
  /** Pixels for one unit of the SVG document; 2 when left out, for sharp text on today's screens. */
  readonly scale?: number;
}

/**
 * An SVG document as the bytes of a PNG picture, on white, with the font that comes with this library, so that it looks the same on every
 * machine. Node only.
 *
 * @throws ArgumentError if the text is no SVG document, or the scale is not a positive number.
 */
export async function svgToPng(svg: string, options: PngOptions = {}): Promise<Uint8Array> {
  const { scale = 2 } = options;
  if (!(scale > 0 && scale <= 16))
    throw new ArgumentError(`svgToPng: scale is ${scale}; it must be above 0 and at most 16`);
  const { Resvg } = await import('@resvg/resvg-js');
  try {
    const picture = new Resvg(svg, {
      background: '#ffffff',
      fitTo: { mode: 'zoom', value: scale },
      font: {
        loadSystemFonts: false,
        fontFiles: await fontFiles(),
        defaultFontFamily: 'DejaVu Sans',
        sansSerifFamily: 'DejaVu Sans',
      },
    });
    return new Uint8Array(picture.render().asPng());
  } catch (error) {
    throw new ArgumentError(
      `svgToPng: the text is not an SVG document: ${error instanceof Error ? error.message : String(error)}`,
      '',
      { cause: error },
    );
  }
}

async function fontFiles(): Promise<string[]> {
  const { createRequire } = await import('node:module');
  const { resolve } = createRequire(import.meta.url);
  return ['DejaVuSans.ttf', 'DejaVuSans-Bold.ttf'].map((file) => resolve(`dejavu-fonts-ttf/ttf/${file}`));
}
