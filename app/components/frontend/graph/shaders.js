// The three programs: edges as lines or as quads of their own width, neurons as discs, squares or pictures.

export const TEXELS = 2048; // a power of two; a row of the textures that hold edges and items
export const TILES = 64; // pictures in a row of their atlas

const COMMON = `#version 300 es
precision highp float;
precision highp int;
uniform highp sampler2D places;
uniform vec2 centre, canvas; // of the drawing; pixels
uniform float zoom;          // pixels for a unit of the drawing

vec2 placeOf(int item) {
  return texelFetch(places, ivec2(item & ${TEXELS - 1}, item >> ${Math.log2(TEXELS)}), 0).xy;
}
vec2 onScreen(vec2 place) {
  return (place - centre) * zoom;
}
vec4 clipped(vec2 pixel, float depth) {
  return vec4(pixel.x * 2.0 / canvas.x, -pixel.y * 2.0 / canvas.y, depth, 1);
}`;

const EDGE = `${COMMON}
uniform highp usampler2D edges;
uniform int first, count, sourceItem, targetItem;
uniform bool isWeight;
uniform vec4 way;      // a point that this part of the line starts from, one that it ends at
uniform bvec2 hasWay;
uniform float limit, width, strength;
uniform vec3 negative, positive, muted, background;

uvec2 texelOf(int number) {
  return texelFetch(edges, ivec2(number & ${TEXELS - 1}, number >> ${Math.log2(TEXELS)}), 0).xy;
}
float shareOf(float value) {
  return isWeight ? min(abs(value) / limit, 1.0) : 0.3;
}
vec3 inkOf(float value) {
  return !isWeight ? muted : value < 0.0 ? negative : positive;
}
vec2 startOf(uint ends) {
  return onScreen(hasWay.x ? way.xy : placeOf(sourceItem + int(ends & 0xffffu)));
}
vec2 endOf(uint ends) {
  return onScreen(hasWay.y ? way.zw : placeOf(targetItem + int(ends >> 16)));
}`;

// Lines cover each other by their depth, in any order; all that a pixel of them needs is one colour.
export const LINE_VERTEX = `${EDGE}
flat out vec3 colour;

void main() {
  uvec2 texel = texelOf(first + (gl_VertexID >> 1));
  float value = uintBitsToFloat(texel.y);
  float share = shareOf(value);
  colour = mix(background, inkOf(value), strength * (0.15 + 0.85 * share * share));
  gl_Position = clipped((gl_VertexID & 1) == 0 ? startOf(texel.x) : endOf(texel.x), 0.9 - 0.8 * share);
}`;

export const LINE_FRAGMENT = `#version 300 es
precision mediump float;
flat in vec3 colour;
out vec4 ink;
void main() {
  ink = vec4(colour, 1);
}`;

// Quads blend, so that the strongest come last.
export const QUAD_VERTEX = `${EDGE}
flat out vec4 colour;
out float across;

void main() {
  int corner = gl_VertexID % 6;
  uvec2 texel = texelOf(first + count - 1 - gl_VertexID / 6);
  float value = uintBitsToFloat(texel.y);
  float share = shareOf(value);
  vec2 start = startOf(texel.x);
  vec2 end = endOf(texel.x);
  float half_width = max(0.5 + width * (isWeight ? 0.2 + 1.4 * share : 0.3), 1.0);
  vec2 along = normalize(end - start + vec2(1e-6, 0));
  float side = corner == 0 || corner == 3 || corner == 5 ? -1.0 : 1.0;
  bool isStart = corner == 0 || corner == 1 || corner == 3;
  across = side * half_width;
  colour = vec4(inkOf(value), strength * (isWeight ? 0.15 + 0.8 * share : 0.55));
  gl_Position = clipped((isStart ? start : end) + vec2(-along.y, along.x) * side * half_width, 0.0);
}`;

export const QUAD_FRAGMENT = `#version 300 es
precision highp float;
uniform float width;
flat in vec4 colour;
in float across;
out vec4 ink;
void main() {
  ink = colour;
  ink.a *= clamp(0.5 + 0.5 * width + 1.0 - abs(across), 0.0, 1.0);
}`;

export const NODE_VERTEX = `${COMMON}
uniform highp sampler2D numbers;
uniform int first;
uniform float radius;
out vec2 corner;
flat out float value;
flat out int item;

void main() {
  item = first + gl_VertexID / 6;
  int vertex = gl_VertexID % 6;
  corner = vec2(vertex == 1 || vertex == 2 || vertex == 4 ? 1 : -1, vertex == 2 || vertex == 4 || vertex == 5 ? 1 : -1);
  value = texelFetch(numbers, ivec2(item % ${TEXELS}, item / ${TEXELS}), 0).x;
  float pixels = max(radius * zoom, 1.0);
  gl_Position = clipped(onScreen(placeOf(item)) + vec2(corner.x, corner.y) * pixels, 0.0);
}`;

export const NODE_FRAGMENT = `#version 300 es
precision highp float;
precision highp int;
uniform highp sampler2D tiles;
uniform int look;        // 0 one colour, 1 a number about zero, 2 a picture about zero, 3 a grey picture
uniform bool isSquare, isHidden;
uniform float limit, radius, zoom, tileSide;
uniform vec2 atlas;
uniform vec3 flat_colour, negative, zero, positive, muted, background;
in vec2 corner;
flat in float value;
flat in int item;
out vec4 ink;

vec3 scale(float share) {
  return mix(zero, share < 0.0 ? negative : positive, min(abs(share), 1.0));
}
void main() {
  float pixels = max(radius * zoom, 1.0);
  float away = isSquare ? max(abs(corner.x), abs(corner.y)) : length(corner);
  if (away > 1.0) discard;
  vec3 colour = look == 0 ? flat_colour : scale(value / limit);
  if (look > 1) {
    vec2 inside = (corner * 0.5 + 0.5) * 0.9999;
    int level = int(clamp(round(log2(tileSide / (2.0 * pixels))), 0.0, log2(tileSide)));  // means, where it is small
    float side = tileSide / exp2(float(level));
    vec2 origin = vec2(item % ${TILES}, item / ${TILES}) * side;
    float shade = texelFetch(tiles, ivec2(origin + floor(inside * side)), level).x;
    colour = look == 3 ? vec3(shade) : scale((shade * 255.0 - 128.0) / 127.0);
  }
  if (isHidden) colour = background;
  float border = (1.0 - away) * pixels;
  if (pixels > 2.5) colour = mix(muted, colour, smoothstep(0.4, 1.4, border));
  ink = vec4(colour, 1);
}`;

export function buildProgram(gl, vertex, fragment) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    gl.deleteShader(shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
    if (!gl.isContextLost()) console.warn(gl.getProgramInfoLog(program));
    return null;
  }
  const count = gl.getProgramParameter(program, gl.ACTIVE_UNIFORMS);
  const names = Array.from({ length: count }, (_, i) => gl.getActiveUniform(program, i).name);
  return { program, at: Object.fromEntries(names.map((name) => [name, gl.getUniformLocation(program, name)])) };
}

// A texture whose rows are filled one after the other.
export function fillTexture(gl, texture, [internal, format, kind, Kind, lanes], numbers) {
  const height = Math.max(1, Math.ceil(numbers.length / lanes / TEXELS));
  const padded = new Kind(height * TEXELS * lanes);
  padded.set(numbers);
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.texImage2D(gl.TEXTURE_2D, 0, internal, TEXELS, height, 0, format, kind, padded);
}

export function buildTexture(gl) {
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
  for (const axis of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, axis, gl.CLAMP_TO_EDGE);
  return texture;
}
