namespace Vae.Data.Idx;

/// <summary>An IDX file of unsigned bytes: its dimensions and its values, last dimension fastest.</summary>
public sealed record IdxContent(IReadOnlyList<int> Dimensions, byte[] Values);
