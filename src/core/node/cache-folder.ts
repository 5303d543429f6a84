/**
 * Where what can be had again is kept, downloaded data sets and measurements: `$TENSORLOOM_CACHE` if set, else the place the platform has for such
 * things. Loads nothing until it is called, so that what a page bundles may import it. Node only.
 */
export function cacheFolder(): string {
  const { homedir } = process.getBuiltinModule('node:os');
  const path = process.getBuiltinModule('node:path');
  const { TENSORLOOM_CACHE, XDG_CACHE_HOME, LOCALAPPDATA } = process.env;
  if (TENSORLOOM_CACHE !== undefined && TENSORLOOM_CACHE !== '') return TENSORLOOM_CACHE;
  if (process.platform === 'win32')
    return path.join(LOCALAPPDATA ?? path.join(homedir(), 'AppData', 'Local'), 'tensorloom', 'Cache');
  if (process.platform === 'darwin') return path.join(homedir(), 'Library', 'Caches', 'tensorloom');
  return path.join(
    XDG_CACHE_HOME === undefined || XDG_CACHE_HOME === '' ? path.join(homedir(), '.cache') : XDG_CACHE_HOME,
    'tensorloom',
  );
}
