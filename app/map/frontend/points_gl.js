// Draws points by WebGL 2: round, in the colours of a palette, those that stand back in grey beneath the others.

const NO_COLOUR = 255;

const POINTS_VERTEX = `#version 300 es
uniform vec2 scale, shift;
uniform float size, opacity;
uniform bool isBack;
uniform vec3 grey;
uniform highp sampler2D palette;
layout(location = 0) in vec2 place;
layout(location = 1) in uvec2 look; // the colour by its number, and whether the point stands back
out vec4 tint;
void main() {
  bool standsBack = look.y > 0u || look.x == ${NO_COLOUR}u;
  gl_PointSize = standsBack ? 0.8 * size : size;
  gl_Position = standsBack == isBack ? vec4(place * scale + shift, 0, 1) : vec4(2, 2, 2, 1);
  tint = standsBack ? vec4(grey, 0.4) : vec4(texelFetch(palette, ivec2(look.x, 0), 0).rgb, opacity);
}`;

const POINTS_FRAGMENT = `#version 300 es
precision highp float;
uniform float size;
in vec4 tint;
out vec4 colour;
void main() {
  float cover = clamp(0.5 * size - size * distance(gl_PointCoord, vec2(0.5)) + 0.5, 0.0, 1.0);
  if (cover == 0.0) discard;
  colour = vec4(tint.rgb, 1) * tint.a * cover;
}`;

class PointsGl {
  constructor(canvas) {
    this.canvas = canvas;
    this.count = 0;
    this.gl = canvas.getContext("webgl2", { antialias: false, premultipliedAlpha: true });
    if (this.gl) this.prepare();
  }

  prepare() {
    const gl = this.gl;
    this.program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, POINTS_VERTEX], [gl.FRAGMENT_SHADER, POINTS_FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(this.program, shader);
      gl.deleteShader(shader);
    }
    gl.linkProgram(this.program);
    const names = ["scale", "shift", "size", "opacity", "isBack", "grey"];
    this.at = Object.fromEntries(names.map((name) => [name, gl.getUniformLocation(this.program, name)]));
    [this.places, this.looks] = [gl.createBuffer(), gl.createBuffer()];
    this.array = gl.createVertexArray();
    gl.bindVertexArray(this.array);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.places);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.looks);
    gl.enableVertexAttribArray(1);
    gl.vertexAttribIPointer(1, 2, gl.UNSIGNED_BYTE, 0, 0);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) {
      gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
    }
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
    gl.useProgram(this.program);
  }

  // Where the points are: x and y by turns, within [-1, 1].
  setPlaces(places) {
    this.fill(this.places, places);
    this.count = places.length / 2;
  }

  // How they look: number of the colour and whether the point stands back, by turns; and the colours as #rrggbb.
  setLooks(looks, palette) {
    this.fill(this.looks, looks);
    if (!this.gl) return;
    const rgba = new Uint8Array(256 * 4);
    palette.forEach((colour, i) => rgba.set([...rgbOf(colour), 255], 4 * i));
    this.gl.texImage2D(this.gl.TEXTURE_2D, 0, this.gl.RGBA, 256, 1, 0, this.gl.RGBA, this.gl.UNSIGNED_BYTE, rgba);
  }

  fill(buffer, values) {
    if (!this.gl) return;
    this.gl.bindBuffer(this.gl.ARRAY_BUFFER, buffer);
    this.gl.bufferData(this.gl.ARRAY_BUFFER, values, this.gl.STATIC_DRAW);
  }

  // Draw all points at places * scale + shift, in clip space; sizes in pixels of the canvas.
  draw({ scale, shift, size, opacity, grey }) {
    const { gl, at } = this;
    if (!gl) return;
    gl.viewport(0, 0, this.canvas.width, this.canvas.height);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!this.count) return;
    gl.uniform2f(at.scale, ...scale);
    gl.uniform2f(at.shift, ...shift);
    gl.uniform1f(at.size, size);
    gl.uniform1f(at.opacity, opacity);
    gl.uniform3f(at.grey, ...rgbOf(grey).map((value) => value / 255));
    for (const isBack of [1, 0]) {
      gl.uniform1i(at.isBack, isBack);
      gl.drawArrays(gl.POINTS, 0, this.count);
    }
  }

  destroy() {
    this.gl?.getExtension("WEBGL_lose_context")?.loseContext();
  }
}

function rgbOf(colour) {
  return [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
}
