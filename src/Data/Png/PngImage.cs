namespace Vae.Data.Png;

/// <summary>A picture of 8 bits per channel. Immutable.</summary>
/// <param name="Width">Pixels from left to right.</param>
/// <param name="Height">Pixels from top to bottom.</param>
/// <param name="Channels">1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha.</param>
/// <param name="Pixels">[height, width, channels]: the channels of a pixel lie together, unlike in <see cref="ImageSet"/>.</param>
public sealed record PngImage(int Width, int Height, int Channels, byte[] Pixels);
