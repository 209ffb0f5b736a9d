namespace Vae.Runtime.Storage;

/// <summary>What a store says about the programs that wrote it. Each that opens it for writing leaves its name with the number of the first event that it may write, so that whoever cannot read an event can say whose it is.</summary>
internal static class StoreVersions
{
    /// <summary>Whoever wrote before programs left their names.</summary>
    public const string Unnamed = "a build that left no version in the store (before 0.1.0)";

    private const int CommitLetters = 12;

    /// <summary>This program, as stores name it.</summary>
    public static string This { get; } = $"{ProgramVersion.Text} ({ProgramVersion.Commit[..Math.Min(CommitLetters, ProgramVersion.Commit.Length)]})";

    /// <summary>Why a whole event cannot be read, and what to do.</summary>
    /// <param name="place">The store.</param>
    /// <param name="sequence">The event.</param>
    /// <param name="writer">Who wrote it; null when nobody knows.</param>
    /// <param name="detail">What is not as expected.</param>
    public static string Foreign(string place, long sequence, string? writer, string detail) =>
        $"{place}: event {sequence} was written by {writer ?? Unnamed} in a form that this version, {This}, does not read: {detail}. Nothing is damaged. Use that version for what is in this store, or start anew with another --home or --store.";

    /// <summary>Why a store whose tables are newer than this program is refused, and what to do.</summary>
    public static string TooNew(string place, string? writer, int have, int known) =>
        $"{place}: was written by a newer version of this program{(writer is null ? "" : $", {writer}")} (schema {have}; this version, {This}, knows {known}). Use that version, or another --home or --store.";
}
