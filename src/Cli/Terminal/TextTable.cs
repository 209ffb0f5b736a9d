using System.Text;

namespace Vae.Cli.Terminal;

/// <summary>A plain table: columns padded to their widest cell, numbers to the right. The same on a terminal and in a pipe.</summary>
internal sealed class TextTable(params TextTable.Column[] columns)
{
    private readonly List<string[]> _rows = [];

    public enum Align
    {
        Left,
        Right,
    }

    public void Add(params string[] cells)
    {
        if (cells.Length != columns.Length) throw new ArgumentException($"{columns.Length} cells are needed.", nameof(cells));
        _rows.Add(cells);
    }

    public void WriteTo(TextWriter writer, OutputMode? mode = null)
    {
        var widths = columns.Select((column, i) => _rows.Select(row => row[i].Length).Append(column.Title.Length).Max()).ToArray();
        var head = Line([.. columns.Select(column => column.Title)], widths);
        writer.WriteLine(mode is null ? head : mode.Paint(head, Color.Bold));
        foreach (var row in _rows) writer.WriteLine(Line(row, widths));
    }

    private string Line(string[] cells, int[] widths)
    {
        var line = new StringBuilder();
        for (var i = 0; i < cells.Length; i++)
        {
            if (i > 0) line.Append("  ");
            line.Append(columns[i].Align == Align.Right ? cells[i].PadLeft(widths[i]) : cells[i].PadRight(widths[i]));
        }

        return line.ToString().TrimEnd();
    }

    public sealed record Column(string Title, Align Align = Align.Left);
}
